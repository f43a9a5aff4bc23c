"""An embedding whose table is divided by rows among the ranks that train together.

`N` ranks, `K` ids of one rank's batch, `R` ids that all ranks ask one rank for, `D` numbers in a row.
"""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from invoicelake.errors import JobError

_registered = keras.saving.register_keras_serializable(package="invoicelake")
# Numbers that are drawn at once. For tensors from 256 KiB on TensorFlow may set aside as much memory again
# as it already has.
_BLOCK = 1 << 15


class Exchange(Protocol):
    """How ranks hand rows of tensors to each other."""

    @property
    def index(self) -> int:
        """This rank, from 0."""
        ...

    @property
    def size(self) -> int:
        """The number `N` of ranks."""
        ...

    def alltoall(self, values: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Give each rank its part of `values`; all ranks must call this together.

        Args:
            values: `(K, ...)`: first what goes to rank 0, then what goes to rank 1, and so on.
            counts: int32 `(N,)`, how many go to each; they add up to `K`.

        Returns:
            What came, `(R, ...)` in the order of ranks, and int32 `(N,)`, how many from each. Gradients of
            what came travel the same way back.
        """
        ...


class Alone:
    """The exchange of a rank that is the only one."""

    index = 0
    size = 1

    def alltoall(self, values: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Give back what is given."""
        return values, counts


@_registered
class ShardedEmbedding(keras.layers.Layer):
    """A `keras.layers.Embedding` of which each rank holds every `N`th row.

    Row `r` lies on rank `r % N`: numbers of words and categories are often given by frequency, so that blocks
    of rows would leave most of the traffic to one rank.

    All ranks must call the layer equally often, also one that has no ids. The gradient that arrives at a
    shard is the sum over ranks; the optimizer from `Rank.wrap` makes it the mean, as for other weights.

    Args:
        rows: of the whole table; ids are 0 to `rows - 1`.
        width: numbers in a row, `D`.
        exchange: joins the ranks, as `Rank.exchange` does; without one, this rank holds the whole table. It
            is not part of the layer's config: who rebuilds the layer may have other ranks.
        limit: rows start with numbers drawn evenly from `-limit` to `limit`.
        seed: of these; the same seed gives the same table at any number of ranks.
        merge_repeats: whether an id that a batch repeats travels once, and its gradients as their sum. That
            saves traffic. Yet Keras clips gradients before it adds up those of a repeated id, and so clips an
            `Embedding` otherwise than merged rows.
    """

    def __init__(
        self,
        rows: int,
        width: int,
        exchange: Exchange | None = None,
        limit: float = 0.05,
        seed: int = 0,
        merge_repeats: bool = False,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.rows, self.width, self.limit, self.seed = rows, width, limit, seed
        self.merge_repeats = merge_repeats
        self.exchange = exchange or Alone()

    def build(self, shape: Any) -> None:
        """Make this rank's rows.

        Raises:
            JobError: there is no room for them.
        """
        try:
            self._make_rows()
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            count, size = len(self.own_rows), self.exchange.size
            raise JobError(
                f"no room for a rank's share of the embedding {self.name}: "
                f"{count * self.width * 4 / 1e6:.0f} MB, {count} of {self.rows} rows; "
                f"set training.processes above {size}, or give ranks more memory"
            ) from error
        super().build(shape)

    @property
    def own_rows(self) -> range:
        """The numbers of the rows that this rank holds, in order."""
        return range(self.exchange.index, self.rows, self.exchange.size)

    def call(self, ids: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        """Take whole numbers of any shape, ragged ones too; return float32 of that shape and `(D,)`.

        Raises:
            tf.errors.InvalidArgumentError: an id has no row.
        """
        if isinstance(ids, tf.RaggedTensor):
            return ids.with_flat_values(self.call(ids.flat_values))
        flat = self._checked(tf.reshape(tf.cast(ids, tf.int64), (-1,)))
        if self.merge_repeats:
            distinct, places = tf.unique(flat)
            found = _repeated(self._fetched(distinct), places)
        else:
            found = self._fetched(flat)
        result = tf.reshape(found, tf.concat([tf.shape(ids), [self.width]], axis=0))
        return tf.ensure_shape(result, (*ids.shape, self.width))

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer for one rank."""
        own = ("rows", "width", "limit", "seed", "merge_repeats")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}

    def _make_rows(self) -> None:
        shape = len(self.own_rows), self.width
        self.shard = self.add_weight(f"{self.name}_shard", shape, initializer="zeros")
        step = max(_BLOCK // self.width, 1)
        for first in range(0, len(self.own_rows), step):
            rows = np.array(self.own_rows[first : first + step], np.uint64)
            values = initial_rows(rows, self.width, self.limit, self.seed)
            # `shard[a:b].assign` would copy the table here, a scatter at each later update.
            tf.raw_ops.ResourceStridedSliceAssign(
                ref=self.shard.handle, begin=[first], end=[first + len(rows)], strides=[1], value=values
            )

    def _checked(self, ids: tf.Tensor) -> tf.Tensor:
        has_row = (ids >= 0) & (ids < self.rows)
        told = f"embedding {self.name} has rows 0 to {self.rows - 1}, and was asked for:"
        check = tf.debugging.Assert(
            tf.reduce_all(has_row), [told, tf.boolean_mask(ids, ~has_row)], summarize=5
        )
        with tf.control_dependencies([check]):
            return tf.identity(ids)

    def _fetched(self, ids: tf.Tensor) -> tf.Tensor:
        """Rows `(K, D)` of the ids `(K,)`, from whoever holds them."""
        size = self.exchange.size
        holders = tf.cast(ids % size, tf.int32)
        order = tf.argsort(holders, stable=True)
        counts = tf.math.bincount(holders, minlength=size, maxlength=size)
        asked, asked_counts = self.exchange.alltoall(tf.gather(ids, order), counts)
        rows, _ = self.exchange.alltoall(tf.gather(self.shard, asked // size), asked_counts)
        # Unlike that of a gather, the gradient of a scatter is dense, and so can travel.
        return tf.scatter_nd(order[:, None], rows, tf.stack([tf.size(ids), self.width]))


def _repeated(rows: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Row `places[k]` of `rows` at each `k`, with a dense gradient."""

    def gathered(rows: tf.Tensor) -> tuple[tf.Tensor, Any]:
        count = tf.shape(rows)[0]
        return tf.gather(rows, places), lambda given: tf.math.unsorted_segment_sum(given, places, count)

    return tf.custom_gradient(gathered)(rows)


def sharded_variables(model: Any) -> list[Any]:
    """Weights of which each rank has a part of its own, in the order of their layers' names."""
    return [layer.shard for layer in sharded_layers(model)]


def sharded_layers(model: Any) -> list[ShardedEmbedding]:
    """The sharded embeddings of a built model, in the order of their names.

    Raises:
        JobError: two have one name, so that their saved rows could not be told apart.
    """
    found = [part for part in model.submodules if isinstance(part, ShardedEmbedding)]
    layers = {part.name: part for part in found}
    if len(layers) < len(found):
        names = ", ".join(sorted(part.name for part in found))
        raise JobError(f"sharded embeddings need names of their own, these are called {names}")
    return [layers[name] for name in sorted(layers)]


def initial_rows(rows: NDArray[np.uint64], width: int, limit: float, seed: int) -> NDArray[np.float32]:
    """Numbers `(len(rows), width)` between `-limit` and `limit` that depend on seed, row and column alone.

    They are those of SplitMix64 (Steele, Lea and Flood 2014), which gives its n-th number without the others.
    """
    steps = rows[:, None] * np.uint64(width) + np.arange(1, width + 1, dtype=np.uint64)
    start = _mixed(np.array([seed], np.int64).astype(np.uint64))
    drawn = _mixed(start + steps * np.uint64(0x9E3779B97F4A7C15))
    shares = (drawn >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)
    return (2 * shares - 1) * np.float32(limit)


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer; products are meant to overflow."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))

"""One pinned table version to batches: every row once an epoch over all ranks, the same steps on each.

Shapes: `B` rows of a rank's batch, `T` tokens of its longest row.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from invoicelake.errors import JobError

if TYPE_CHECKING:
    from invoicelake.models.encoding import TensorSpec
    from invoicelake.tables import PinnedTable

log = logging.getLogger(__name__)

Tensors = Mapping[str, NDArray[Any]]


class Batch(NamedTuple):
    """What one step of one rank learns from.

    Attributes:
        inputs: each `(B, T, ...)`.
        targets: `(B, T)`.
        weights: float32 `(B,)`, 1 for a row that counts, 0 for one that only fills up the batch.
    """

    inputs: dict[str, NDArray[Any]]
    targets: NDArray[Any]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """Which columns of a training table are what.

    Attributes:
        tensors: the packed columns.
        target: the tensor to be learnt; the others are inputs.
        length: the tensor that is 0 at padding and nowhere else.
        key: the column that names a row, so that the order of rows does not hang on names of files.
        ignored: the target of tokens that do not count.
    """

    tensors: tuple[TensorSpec, ...]
    target: str
    length: str
    key: str
    ignored: int

    def row_bytes(self) -> int:
        """Size of one row in memory."""
        return sum(np.dtype(spec.dtype).itemsize * math.prod(spec.shape) for spec in self.tensors)


class Feed:
    """Batches of the rows of one table version, for one rank.

    All rows are held in memory by each rank, `layout.row_bytes()` a row; `read` says how much that is.

    Args:
        tensors: each `(rows, ...)`, in the order of the table's key.
        layout: what the tensors are.
        batch_size: rows of one step over all ranks; rounded up to a multiple of `size`.
        rank: number of this rank.
        size: number of ranks.

    Attributes:
        rows: of the table.
        own_rows: that this rank has in an epoch.
        share: rows of a batch of this rank.
        steps: batches of an epoch, the same on all ranks.
    """

    def __init__(
        self, tensors: Tensors, layout: Layout, batch_size: int, rank: int = 0, size: int = 1
    ) -> None:
        self.rows = len(tensors[layout.target])
        self.share = math.ceil(batch_size / size)
        self.steps = math.ceil(self.rows / (self.share * size))
        firsts = np.arange(self.steps) * self.share * size + rank * self.share
        self.own_rows = int(np.clip(self.rows - firsts, 0, self.share).sum())
        self._tensors, self._layout, self._rank, self._size = tensors, layout, rank, size
        self._lengths = _lengths(tensors[layout.length])

    def epoch(self, order: NDArray[np.int64] | None = None) -> Iterator[Batch]:
        """Yield `steps` batches.

        Args:
            order: row numbers as `shuffled` gives them; None for the table's order. The same on all ranks.
        """
        whole = np.arange(self.rows) if order is None else order
        for step in range(self.steps):
            first = (step * self._size + self._rank) * self.share
            yield self._batch(whole[first : first + self.share])

    def _batch(self, rows: NDArray[np.int64]) -> Batch:
        counting = len(rows)
        # A filler is a copy of a real row: a model may not know what to make of a row of zeros.
        taken = np.concatenate([rows, np.zeros(self.share - counting, dtype=np.int64)])
        longest = max(int(self._lengths[taken].max()), 1)
        arrays = {name: values[taken, :longest] for name, values in self._tensors.items()}
        targets = arrays.pop(self._layout.target)
        targets[counting:] = self._layout.ignored
        weights = (np.arange(self.share) < counting).astype(np.float32)
        return Batch(arrays, targets, weights)


def shuffled(rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of rows in an epoch: the same wherever and on however many ranks it is asked for."""
    return np.random.default_rng((seed, epoch)).permutation(rows)


def read(table: PinnedTable, layout: Layout) -> dict[str, NDArray[Any]]:
    """Read the packed tensors of a table version through Petastorm, in the order of its key.

    Raises:
        JobError: the files hold other rows or tensors than was declared.
    """
    rows, size_mib = sum(table.rows), sum(table.rows) * layout.row_bytes() / 2**20
    log.info("%s version %d: reading %d rows, %.1f MiB", table.name, table.version, rows, size_mib)
    tensors = {spec.name: np.empty((rows, *spec.shape), dtype=spec.dtype) for spec in layout.tensors}
    keys: list[str] = []
    with closing(_row_groups(table, layout)) as groups:
        for group in groups:
            first = len(keys)
            keys.extend(getattr(group, layout.key))
            if len(keys) > rows:
                break
            for spec in layout.tensors:
                tensors[spec.name][first : len(keys)] = _unpacked(getattr(group, spec.name), spec, table)
    if len(keys) != rows:
        found = f"{len(keys)} or more" if len(keys) > rows else str(len(keys))
        raise JobError(f"{table.name} version {table.version} has {rows} rows, its files hold {found}")
    order = np.argsort(np.array(keys, dtype=np.str_), kind="stable")
    return {name: values[order] for name, values in tensors.items()}


def _row_groups(table: PinnedTable, layout: Layout) -> Generator[Any, None, None]:
    """Yield columns as named tuples, a row group each; the reader's threads end with the generator."""
    if not table.files:
        return
    from petastorm import make_batch_reader

    names = [layout.key, *(spec.name for spec in layout.tensors)]
    with _quiet_petastorm():
        reader = make_batch_reader(
            [_url(file) for file in table.files],
            schema_fields=[f"^{name}$" for name in names],
            # One thread: with more, row groups come in the order in which they happen to be ready.
            workers_count=1,
            shuffle_row_groups=False,
            num_epochs=1,
        )
        _wait_for_all(reader)
        try:
            yield from reader
        finally:
            reader.stop()
            reader.join()


def _wait_for_all(reader: Any) -> None:
    """Have the reader end when all row groups were given.

    Petastorm 0.13.1 asks first whether all row groups handed out are done, and then whether all were handed
    out; when the last are handed out between these questions, it ends without them.
    """
    pool = reader._workers_pool
    are_handed_out, are_done = pool._ventilator.completed, pool.all_workers_done
    pool.all_workers_done = lambda: are_handed_out() and are_done()


def _unpacked(column: Sequence[bytes], spec: TensorSpec, table: PinnedTable) -> NDArray[Any]:
    """Reinterpret the bytes of a row group: `(rows, *spec.shape)`."""
    width = np.dtype(spec.dtype).itemsize * math.prod(spec.shape)
    packed = b"".join(column)
    if len(packed) != width * len(column) or any(len(value) != width for value in column):
        raise JobError(
            f"column {spec.name} of {table.name} version {table.version} should hold {width} bytes a row "
            f"({spec.dtype} {spec.shape}); was the table built with other settings of encoding?"
        )
    return np.frombuffer(packed, dtype=spec.dtype).reshape(-1, *spec.shape)


def _url(file: str) -> str:
    if "://" in file:
        return file
    if set(file) & set("#?"):
        raise JobError(f"Petastorm cannot open a path with '#' or '?': {file}; choose another lake.path")
    return f"file://{file}"


def _lengths(marks: NDArray[Any]) -> NDArray[np.int64]:
    """Tokens of each row: up to the last one whose mark is not 0."""
    present = marks != 0
    last = present.shape[1] - np.argmax(present[:, ::-1], axis=1)
    return np.where(present.any(axis=1), last, 0)


@contextmanager
def _quiet_petastorm() -> Iterator[None]:
    """Petastorm 0.13 reads through an interface that pyarrow 14 warns of at every call."""
    # It also says at length that the files are plain Parquet, which is why it is used so.
    logging.getLogger("petastorm").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"petastorm\..*")
        warnings.filterwarnings("ignore", category=ResourceWarning, module=r"petastorm\..*")
        yield

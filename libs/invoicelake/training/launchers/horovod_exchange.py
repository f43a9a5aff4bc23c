"""How Horovod's ranks hand rows of sharded embeddings to each other."""

from __future__ import annotations

import horovod.tensorflow as hvd
import tensorflow as tf


class HorovodExchange:
    """An `Exchange` among all ranks of the Horovod job, eagerly or within a `tf.function`."""

    def __init__(self) -> None:
        self.index, self.size = int(hvd.rank()), int(hvd.size())

    def alltoall(self, values: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Give each rank its part of `values`; as of `Exchange`."""
        received, received_counts = hvd.alltoall(values, splits=counts)
        # Horovod leaves the shape open, of which only the first dimension is.
        return tf.ensure_shape(received, (None, *values.shape[1:])), received_counts


def summed(values: tf.Tensor) -> tf.Tensor:
    """The sum over ranks of a float tensor that has the same shape on all."""
    return hvd.allreduce(values, op=hvd.Sum)

"""A rank as Horovod knows it, which averages gradients over all ranks at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from invoicelake.training.ranks import Listener, Rank

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from invoicelake.models.sharded import Exchange


class HorovodRank(Rank):
    """A process of a Horovod job; Horovod must have been initialised."""

    def __init__(self, listener: Listener | None = None) -> None:
        import horovod.tensorflow.keras as hvd

        super().__init__(listener)
        self._hvd = hvd
        self.index, self.size = hvd.rank(), hvd.size()

    @property
    def exchange(self) -> Exchange:
        """What hands rows of sharded embeddings from rank to rank."""
        from invoicelake.training.launchers.horovod_exchange import HorovodExchange

        return HorovodExchange()

    def wrap(self, optimizer: Any, sharded: Sequence[Any] = (), is_dense: bool = False) -> Any:
        """The optimizer, made to average gradients over all ranks; as of `Rank`."""
        if not sharded:
            given = {"sparse_as_dense": True, "num_groups": 1} if is_dense else {}
            return self._hvd.DistributedOptimizer(optimizer, **given)
        from invoicelake.training.launchers.horovod_exchange import summed
        from invoicelake.training.sharded_optimizer import clipping_shards

        wrapped = self._hvd.DistributedOptimizer(clipping_shards(optimizer))
        wrapped.clip_over_ranks(sharded, summed)
        for variable in sharded:
            wrapped.register_local_var(variable)
        return wrapped

    def share_state(self, model: Any) -> None:
        """Give all ranks the chief's weights and optimizer state, but for what is sharded."""
        from horovod.tensorflow import broadcast_variables

        from invoicelake.training.sharded_optimizer import replicated_variables

        broadcast_variables(replicated_variables(model), root_rank=0)

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum over all ranks."""
        import tensorflow as tf
        from horovod.tensorflow import Sum, allreduce

        summed: NDArray[Any] = allreduce(tf.constant(values, tf.float64), op=Sum, name="total").numpy()
        return summed

    def agreed(self, value: float) -> float:
        """The chief's value."""
        import tensorflow as tf
        from horovod.tensorflow import broadcast

        return float(broadcast(tf.constant(value, tf.float64), root_rank=0, name="agreed").numpy())

"""Ranks as Horovod processes started by Spark tasks, which average gradients at every step."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray

from invoicelake.training.launchers.horovod_adapted import adapted_horovod
from invoicelake.training.launchers.rank_output import RankOutput, emit
from invoicelake.training.launchers.slots import is_local, require_slots, spark_context, threads_per_rank
from invoicelake.training.ranks import Listener, Rank

T = TypeVar("T")

_POLL_S = 0.2
# After this long, ranks that have not noticed that another one failed are ended.
_GRACE_S = 5.0
_STALL_S = 300
_END_S = 20.0


class HorovodRank(Rank):
    """A process of a Horovod job; Horovod must have been initialised."""

    def __init__(self, listener: Listener | None = None) -> None:
        import horovod.tensorflow.keras as hvd

        super().__init__(listener)
        self._hvd = hvd
        self.index, self.size = hvd.rank(), hvd.size()

    def wrap(self, optimizer: Any) -> Any:
        """The optimizer, made to average gradients over all ranks."""
        return self._hvd.DistributedOptimizer(optimizer)

    def share_state(self, model: Any) -> None:
        """Give all ranks the chief's weights and optimizer state."""
        from horovod.tensorflow import broadcast_variables

        broadcast_variables(model.variables, root_rank=0)
        broadcast_variables(model.optimizer.variables, root_rank=0)

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


class HorovodLauncher:
    """Starts as many Spark tasks as ranks, each of which starts a process.

    Args:
        start_timeout_s: time for all ranks to come up; on a busy cluster they wait for free slots.
        listener: takes the events that the chief reports.
    """

    def __init__(self, start_timeout_s: int = 600, listener: Listener | None = None) -> None:
        self._start_timeout_s = start_timeout_s
        self._listener = listener

    def train(self, function: Callable[[Rank], T], processes: int) -> list[T]:
        """Run `function` as `processes` ranks."""
        context = spark_context()
        require_slots(context, processes)
        threads = threads_per_rank(context, processes)
        stop, ended = threading.Event(), threading.Event()
        output = RankOutput(self._listener, on_failure=_after(_GRACE_S, stop.set))
        outcome: dict[str, Any] = {}

        def run() -> None:
            try:
                outcome["results"] = _run(function, processes, self._start_timeout_s, threads, output)
            except Exception as error:
                outcome["error"] = error
            finally:
                ended.set()

        # Horovod waits without end; from a thread of its own, Ctrl-C still reaches this one.
        with adapted_horovod(stop):
            threading.Thread(target=run, name="horovod", daemon=True).start()
            try:
                # Not by joining the thread: Python 3.11 takes it for ended when Ctrl-C comes within a join.
                while not ended.wait(_POLL_S):
                    pass
            except BaseException:
                stop.set()
                ended.wait(_END_S)
                raise
        if "error" in outcome:
            raise output.failure(outcome["error"]) from outcome["error"]
        results: list[T] = outcome["results"]
        return results


def _run(
    function: Callable[[Rank], T], processes: int, start_timeout_s: int, threads: int, output: RankOutput
) -> list[T]:
    import horovod.spark

    results: list[T] = horovod.spark.run(
        _as_rank,
        args=(function,),
        num_proc=processes,
        start_timeout=start_timeout_s,
        use_gloo=True,
        env=_environment(threads, start_timeout_s),
        stdout=output,
        stderr=output,
        verbose=0,
        executable=sys.executable if is_local(spark_context()) else None,
    )
    return results


def _as_rank(function: Callable[[Rank], T]) -> T:
    """What each process runs."""
    import horovod.tensorflow.keras as hvd

    try:
        hvd.init()
        return function(HorovodRank(emit))
    except BaseException as error:
        cause = f"{type(error).__name__}: {error}"
        emit({"event": "failed", "rank": _rank_number(), "cause": cause, "trace": traceback.format_exc()})
        raise


def _after(seconds: float, action: Callable[[], None]) -> Callable[[], None]:
    """Something to call that does `action` after a while, whatever else happens."""

    def begin() -> None:
        timer = threading.Timer(seconds, action)
        timer.daemon = True
        timer.start()

    return begin


def _rank_number() -> int:
    return int(os.environ.get("HOROVOD_RANK", "-1"))


def _environment(threads: int, start_timeout_s: int) -> dict[str, str]:
    return {
        "OMP_NUM_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # Ranks that start on a busy machine may be far apart; by itself Horovod allows them 30 s.
        "HOROVOD_GLOO_TIMEOUT_SECONDS": str(start_timeout_s),
        # By itself Horovod waits for ever for a rank that hangs.
        "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": str(_STALL_S),
    }

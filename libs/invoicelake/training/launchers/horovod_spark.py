"""Ranks as Horovod processes started by Spark tasks, which average gradients at every step."""

from __future__ import annotations

import codecs
import json
import logging
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, TypeVar

from numpy.typing import NDArray

from invoicelake.training.launchers.slots import is_local, require_slots, spark_context, threads_per_rank
from invoicelake.training.ranks import Event, Listener, Rank, RankFailed

log = logging.getLogger(__name__)
T = TypeVar("T")

_MARK = "\x1einvoicelake "
_TAIL_LINES = 40
_BEREFT = ("HorovodInternalError", "Horovod has been shut down")
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
        output = _Output(self._listener, on_failure=_after(_GRACE_S, stop.set))
        outcome: dict[str, Any] = {}

        def run() -> None:
            try:
                outcome["results"] = _run(function, processes, self._start_timeout_s, threads, output)
            except Exception as error:
                outcome["error"] = error
            finally:
                ended.set()

        # Horovod waits without end; from a thread of its own, Ctrl-C still reaches this one.
        with _adapted_horovod(stop):
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
    function: Callable[[Rank], T], processes: int, start_timeout_s: int, threads: int, output: _Output
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
        return function(HorovodRank(_emit))
    except BaseException as error:
        cause = f"{type(error).__name__}: {error}"
        _emit({"event": "failed", "rank": _rank_number(), "cause": cause, "trace": traceback.format_exc()})
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


def _emit(event: Event) -> None:
    """Send an event to the driver, in the stream that Horovod carries there."""
    sys.stdout.write(f"{_MARK}{json.dumps(dict(event))}\n")
    sys.stdout.flush()


class _Output:
    """Takes what the ranks write: events go to the listener, all else to the log; the last lines are kept."""

    def __init__(self, listener: Listener | None, on_failure: Callable[[], None]) -> None:
        self._listener, self._on_failure = listener, on_failure
        self._lock = threading.Lock()
        self._rest = ""
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._failed: list[Event] = []

    def write(self, text: str) -> None:
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._take(line.rstrip("\r"))

    def flush(self) -> None:
        """Nothing is held back."""

    def failure(self, error: BaseException) -> RankFailed:
        """What to tell the user of a run that ended with `error`."""
        details = "\n".join(self._tail)
        # When a rank ends, the others fail for want of it; theirs is not the cause.
        causes = [event for event in self._failed if not any(sign in event["cause"] for sign in _BEREFT)]
        if causes:
            first = causes[0]
            told = f"rank {first['rank']} failed: {first['cause']}"
            return RankFailed(told, f"{first['trace']}\n{details}")
        if self._failed:
            return RankFailed("a rank ended without a word: killed, or out of memory", details)
        return RankFailed(f"training stopped: {str(error).strip()}", details)

    def _take(self, line: str) -> None:
        _, mark, event = line.partition(_MARK)
        if not mark:
            self._tail.append(line)
            log.debug("%s", line)
            return
        parsed: Event = json.loads(event)
        if parsed["event"] == "failed":
            self._failed.append(parsed)
            self._on_failure()
        elif self._listener is not None:
            self._listener(parsed)


@contextmanager
def _adapted_horovod(stop: threading.Event) -> Iterator[None]:
    """Horovod 0.28.1 made fit to run beside other work in one driver.

    It asks whether it was built with Gloo by importing TensorFlow in a forked process (10 s, and the fork
    breaks Spark's connections); it takes over SIGINT and SIGTERM for good; and it hands on what ranks write
    in blocks of 64 KiB.
    """
    from horovod.runner import gloo_run, launch
    from horovod.runner.common.util import network
    from horovod.spark import runner

    with (
        _replaced(runner, "_make_mapper", _quiet(runner._make_mapper)),
        _replaced(launch, "gloo_built", lambda verbose=False: True),
        _replaced(gloo_run, "register_shutdown_event", lambda: stop),
        _replaced(threading, "excepthook", _log_thread_error),
        _replaced(network, "shutil", SimpleNamespace(copyfileobj=_copy_as_it_comes)),
    ):
        yield


def _log_thread_error(given: threading.ExceptHookArgs) -> None:
    """A cancelled Spark job ends Horovod's thread with a page of Java; the cause is told by `_Output`."""
    log.debug("thread %s ended", given.thread, exc_info=given.exc_value)


def _quiet(make_mapper: Callable[..., Any]) -> Callable[..., Any]:
    """Make tasks silent about their threads: those of a rank that was ended complain of closed pipes."""

    def make(*given: Any) -> Callable[[int, Any], Iterator[Any]]:
        mapper = make_mapper(*given)

        def quiet_mapper(index: int, rows: Any) -> Iterator[Any]:
            threading.excepthook = lambda _: None
            yield from mapper(index, rows)

        return quiet_mapper

    return make


@contextmanager
def _replaced(module: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _copy_as_it_comes(source: Any, target: _Output) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := source.stream.read1(65536):
        target.write(decoder.decode(chunk))


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

"""Training with Elephas: the driver has Spark tasks train, an epoch a job, and validates in between.

Model code, feed, settings and shares of rows are those of the other launchers. What differs lies in Elephas:
workers exchange weights instead of gradients, and each epoch begins with a new optimizer and a newly built
model in each Spark task.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from invoicelake import config
from invoicelake.training.launchers.slots import (
    await_slots,
    parameter_host,
    require_slots,
    spark_context,
    threads_per_rank,
)
from invoicelake.training.launchers.spark_failure import cause_of
from invoicelake.training.ranks import Listener, Rank, RankFailed

if TYPE_CHECKING:
    from py4j.protocol import Py4JJavaError

    from invoicelake.training.job import TrainingJob
    from invoicelake.training.trainer import Trainer

T = TypeVar("T")

_MODES = {"elephas_asynchronous": "asynchronous", "elephas_hogwild": "hogwild"}
_ENDED = "exited unexpectedly"


class ElephasLauncher:
    """Runs the function once, in the driver; each of its epochs is a Spark job of `processes` tasks.

    Args:
        settings: name the mode, and what it may do.
        listener: takes the events that the driver reports.
    """

    def __init__(self, settings: config.Training, listener: Listener | None = None) -> None:
        self._settings, self._listener = settings, listener

    def train(self, function: Callable[[Rank], T], processes: int) -> list[T]:
        """Run `function` as the one rank that others see."""
        context = spark_context()
        require_slots(context, processes)
        await_slots(context, processes, self._settings.start_timeout_s)
        rank: Rank = AveragingRank(processes, self._listener)
        if mode := _MODES.get(self._settings.launcher):
            host = parameter_host(context, self._settings.elephas_unencrypted)
            rank = AsynchronousRank(processes, mode, host, self._listener)
        from py4j.protocol import Py4JJavaError

        try:
            with _threads(context, threads_per_rank(context, processes)):
                return [function(rank)]
        except Py4JJavaError as error:
            raise RankFailed(f"a worker failed: {_cause(error)}", str(error.java_exception)) from error


class AveragingRank(Rank):
    """The driver of a synchronous job.

    Args:
        workers: Spark tasks that train in each epoch.
        listener: as of `Rank`.
    """

    def __init__(self, workers: int, listener: Listener | None = None) -> None:
        super().__init__(listener)
        self._workers = workers

    def trainer(self, job: TrainingJob, model: Any) -> Trainer:
        """What has workers train the model, and validates it here."""
        from invoicelake.training.launchers.elephas_trainers import AveragingTrainer

        return AveragingTrainer(job, model, self, self._workers)


class AsynchronousRank(AveragingRank):
    """The driver of a job whose workers do not wait for each other.

    Args:
        workers: as of `AveragingRank`.
        mode: `asynchronous` or `hogwild`.
        host: address for the parameter server.
        listener: as of `Rank`.
    """

    def __init__(self, workers: int, mode: str, host: str, listener: Listener | None = None) -> None:
        super().__init__(workers, listener)
        self._mode, self._host = mode, host

    def trainer(self, job: TrainingJob, model: Any) -> Trainer:
        """What has workers train the model, and validates it here."""
        from invoicelake.training.launchers.elephas_trainers import AsynchronousTrainer

        return AsynchronousTrainer(job, model, self, self._workers, self._mode, self._host)


@contextmanager
def _threads(context: Any, threads: int) -> Iterator[None]:
    """Give TensorFlow in Spark's Python workers so many threads; by itself it takes all cores in each."""
    before = dict(context.environment)
    context.environment |= {
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }
    try:
        yield
    finally:
        context.environment = before


def _cause(error: Py4JJavaError) -> str:
    """What the worker said last, or else Spark."""
    if _ENDED in str(error.java_exception):
        return "it ended without a word: killed, or out of memory"
    return cause_of(error)

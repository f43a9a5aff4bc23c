"""Synchronous training with Elephas: ranks train an epoch apart, then their weights are averaged.

Model code, feed, settings and shares of rows are those of the other launchers. What differs lies in Elephas:
weights are averaged once an epoch instead of gradients at every step, and each epoch begins with a new
optimizer and a newly built model in each Spark task.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from invoicelake.errors import JobError
from invoicelake.training.launchers.slots import require_slots, spark_context
from invoicelake.training.ranks import Listener, Rank, RankFailed
from invoicelake.training.trainer import Metrics, Trainer

if TYPE_CHECKING:
    from py4j.protocol import Py4JJavaError

    from invoicelake.training.job import TrainingJob

T = TypeVar("T")


class ElephasLauncher:
    """Runs the function once, in the driver; each of its epochs is a Spark job of `processes` tasks."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener

    def train(self, function: Callable[[Rank], T], processes: int) -> list[T]:
        """Run `function` as the one rank that others see."""
        require_slots(spark_context(), processes)
        from py4j.protocol import Py4JJavaError

        try:
            return [function(ElephasRank(processes, self._listener))]
        except Py4JJavaError as error:
            raise RankFailed(f"a worker failed: {_cause(error)}", str(error.java_exception)) from error


class ElephasRank(Rank):
    """The driver of an Elephas job.

    Args:
        workers: Spark tasks that train in each epoch.
        listener: as of `Rank`.
    """

    def __init__(self, workers: int, listener: Listener | None = None) -> None:
        super().__init__(listener)
        self._workers = workers

    def trainer(self, job: TrainingJob, model: Any) -> Trainer:
        """What has Elephas train the model, and validates it here."""
        return AveragingTrainer(job, model, self, self._workers)


class AveragingTrainer(Trainer):
    """Trains by Elephas' `SparkModel`."""

    def __init__(self, job: TrainingJob, model: Any, rank: Rank, workers: int) -> None:
        super().__init__(job, model, rank)
        self._workers = workers
        # Shares its layers, hence its weights, with `model`, which Elephas would compile anew in each epoch.
        self._master = _shared_model(model)

    def train_epoch(self, epoch: int) -> Metrics:
        """Have each worker go through its share of the training rows once, and average their weights."""
        from elephas.spark_model import SparkModel

        shares = spark_context().parallelize([(worker, 0) for worker in range(self._workers)], self._workers)
        # Elephas prints to standard output, which is for the job's last line.
        with contextlib.redirect_stdout(sys.stderr):
            spark_model = SparkModel(self._master, custom_objects=_own_classes(self._master))
            # Elephas leaves out a worker with no more rows than `batch_size`; here a row stands for a share.
            spark_model.fit(shares, epochs=1, batch_size=0, job=self._job, epoch=epoch, workers=self._workers)
        histories = [history for history in spark_model.training_histories if history]
        if len(histories) < self._workers:
            raise JobError(f"only {len(histories)} of {self._workers} Elephas workers trained")
        return _combined(histories)


def _combined(histories: list[dict[str, list[float]]]) -> Metrics:
    """Means over workers, whose shares are of equal size; rates add up."""
    metrics = {name: float(np.mean([entry[name][0] for entry in histories])) for name in histories[0]}
    return metrics | {"examples_per_s": metrics["examples_per_s"] * len(histories)}


def _own_classes(model: Any) -> dict[str, Any]:
    """Classes that are not Keras' own; a worker that unpickles them imports, and so registers, them."""
    import keras

    own = {type(part) for part in model.layers if not type(part).__module__.startswith("keras.")}
    # In JSON a layer goes by its registered name, the model by the bare name of its class.
    registered = {keras.saving.get_registered_name(kind): kind for kind in own}
    return registered | {type(model).__name__: type(model)}


def _cause(error: Py4JJavaError) -> str:
    """The last line of the Python traceback that Spark reports for a failed task."""
    trace = str(error.java_exception).partition("Traceback")[2].partition("\n\n")[0]
    return trace.strip().rpartition("\n")[2] or str(error.java_exception).partition("\n")[0]


def _shared_model(model: Any) -> Any:
    from invoicelake.models.extractor import compile_extractor
    from invoicelake.training.launchers.elephas_worker import SelfFeedingModel

    master = SelfFeedingModel(model.input, model.output, name=model.name)
    compile_extractor(master, type(model.optimizer).from_config(model.optimizer.get_config()))
    # Elephas 7.3 looks for this attribute of Keras 3; the worker sets metrics itself.
    master._compile_metrics = SimpleNamespace(_user_metrics=[])
    return master

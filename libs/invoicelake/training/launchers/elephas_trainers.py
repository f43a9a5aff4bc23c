"""Epochs by Elephas' Spark models: weights averaged at the end, or exchanged through a parameter server."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from elephas.spark_model import AsynchronousSparkModel, SparkModel
from pyspark.accumulators import AccumulatorParam

from invoicelake.errors import JobError
from invoicelake.training.epoch_plan import Draw, EpochPlan
from invoicelake.training.launchers.elephas_watch import watched
from invoicelake.training.launchers.elephas_worker import SelfFeedingModel, Share
from invoicelake.training.launchers.parameter_server import ParameterServer
from invoicelake.training.launchers.slots import spark_context
from invoicelake.training.trainer import Metrics, Trainer

if TYPE_CHECKING:
    from invoicelake.training.epoch_plan import Done
    from invoicelake.training.job import TrainingJob
    from invoicelake.training.ranks import Rank

# Elephas leaves out a worker with no more rows than `batch_size`; here a row stands for a share, or a step.
_BATCH_SIZE = 1


class AveragingTrainer(Trainer):
    """Has each worker go through its share of an epoch, and averages their weights."""

    def __init__(self, job: TrainingJob, model: Any, rank: Rank, workers: int) -> None:
        super().__init__(job, model, rank)
        self._workers = workers
        # Shares its layers, hence its weights, with `model`, which Elephas would compile anew in each epoch.
        self._master = _shared_model(job, model)

    def train_epoch(self, epoch: int, done: Sequence[Done] = ()) -> Metrics:
        """Go through the training rows once; as of `Trainer`."""
        context = spark_context()
        metrics = context.accumulator([], _Gathered())
        # Elephas prints to standard output, which is for the job's last line.
        limit_s = self._job.training.stall_timeout_s
        with redirect_stdout(sys.stderr), watched(context, self._workers, limit_s) as ear:
            shares = [
                Share(self._job, epoch, done, index, self._workers, metrics, ear)
                for index in range(self._workers)
            ]
            rows = [(share, 0) for share in shares for _ in range(self._rows())]
            self._fit(context.parallelize(rows, self._workers))
        if len(metrics.value) < self._workers:
            raise JobError(f"only {len(metrics.value)} of {self._workers} Elephas workers trained")
        return _combined(metrics.value)

    def _rows(self) -> int:
        """How many rows Elephas must see of a worker for it to go through its share."""
        return _BATCH_SIZE + 1

    def _fit(self, rows: Any) -> None:
        SparkModel(self._master, custom_objects=_own_classes(self._master)).fit(rows, batch_size=_BATCH_SIZE)


class AsynchronousTrainer(AveragingTrainer):
    """Has workers exchange weights with a parameter server as they go, and takes over what that ends with.

    Args:
        job: as of `Trainer`.
        model: as of `Trainer`.
        rank: the driver.
        workers: number of them.
        mode: `asynchronous`, where the server applies one update at a time, or `hogwild`, where it does not.
        host: address for the server.
    """

    def __init__(self, job: TrainingJob, model: Any, rank: Rank, workers: int, mode: str, host: str) -> None:
        super().__init__(job, model, rank, workers)
        self._mode, self._host = mode, host

    def _rows(self) -> int:
        if self._job.training.elephas_update == "epoch":
            return super()._rows()
        plan = EpochPlan(self._job.train.rows, Draw(self._job.training.batch_size, 1), 0, self._workers)
        # One more than steps: the last reports.
        return plan.whole_steps + 1

    def _fit(self, rows: Any) -> None:
        weights = self._master.get_weights()
        with ParameterServer(weights, self._host, is_locked=self._mode == "asynchronous") as server:
            _ServedSparkModel(self._master, self._mode, self._job.training.elephas_update, server).fit(
                rows, epochs=1, batch_size=_BATCH_SIZE
            )


class _ServedSparkModel(AsynchronousSparkModel):
    """Elephas' asynchronous model on a parameter server that is there already."""

    def __init__(self, model: Any, mode: str, frequency: str, server: ParameterServer) -> None:
        # Not that of the class below, which makes a server of Elephas' own.
        SparkModel.__init__(self, model, custom_objects=_own_classes(model))
        self.mode, self.frequency, self.client = mode, frequency, server.client

    @contextmanager
    def run_parameter_server(self) -> Iterator[None]:
        """Nothing is to be started or stopped."""
        yield


class _Gathered(AccumulatorParam[list[Metrics]]):
    """A list that grows."""

    def zero(self, value: list[Metrics]) -> list[Metrics]:
        return []

    def addInPlace(self, value1: list[Metrics], value2: list[Metrics]) -> list[Metrics]:
        return value1 + value2


def _combined(metrics: Sequence[Metrics]) -> Metrics:
    """Means over workers, whose shares are of equal size; rates add up, and of waiting the most counts."""
    means = {name: float(np.mean([entry[name] for entry in metrics])) for name in metrics[0]}
    waited = max(entry["wait_share"] for entry in metrics)
    return means | {"examples_per_s": means["examples_per_s"] * len(metrics), "wait_share": waited}


def _own_classes(model: Any) -> dict[str, Any]:
    """Classes that are not Keras' own; a worker that unpickles them imports, and so registers, them."""
    import keras

    own = {type(part) for part in model.layers if not type(part).__module__.startswith("keras.")}
    # In JSON a layer goes by its registered name, the model by the bare name of its class.
    registered = {keras.saving.get_registered_name(kind): kind for kind in own}
    return registered | {type(model).__name__: type(model)}


def _shared_model(job: TrainingJob, model: Any) -> Any:
    master = SelfFeedingModel(model.input, model.output, name=model.name)
    job.task.compile(master, type(model.optimizer).from_config(model.optimizer.get_config()))
    # Elephas 7.3 looks for this attribute of Keras 3; the worker sets metrics itself.
    master._compile_metrics = SimpleNamespace(_user_metrics=[])
    return master

"""What Elephas runs in a Spark task: a model that fetches its share of the rows itself."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
from numpy.typing import NDArray

from invoicelake.training.acceleration import accelerate, accelerated
from invoicelake.training.launchers.elephas_watch import Ear, told
from invoicelake.training.ranks import Rank
from invoicelake.training.sharded_optimizer import build_optimizer
from invoicelake.training.trainer import Metrics, Trainer

if TYPE_CHECKING:
    from invoicelake.training.epoch_plan import Done
    from invoicelake.training.job import TrainingJob

_kept: dict[str, WorkerTrainer] = {}
"""By the job's fingerprint, for the epochs to come: of one job, as long as Spark reuses this process."""


class WorkerRank(Rank):
    """A Spark task within one epoch of an Elephas job: it has a share of the rows and speaks to nobody."""

    def __init__(self, index: int, size: int) -> None:
        super().__init__()
        self.index, self.size = index, size


@dataclass(frozen=True)
class Share:
    """A worker's share of an epoch; stands for a row in the RDD that Elephas goes through.

    Attributes:
        job: names rows and settings.
        epoch: from 0.
        done: what was done of the epoch before.
        index: number of the worker.
        size: number of workers.
        metrics: a Spark accumulator, a list, which takes the metrics of the share when it is done.
        ear: where the driver listens to workers.
    """

    job: TrainingJob
    epoch: int
    done: Sequence[Done]
    index: int
    size: int
    metrics: Any
    ear: Ear


class WorkerTrainer(Trainer):
    """A trainer that takes on one share after the other; what TensorFlow compiled serves them all.

    Args:
        job: as of `Trainer`.
        model: as of `Trainer`; its optimizer begins each share as it is now.
    """

    def __init__(self, job: TrainingJob, model: Any) -> None:
        super().__init__(job, model, WorkerRank(0, 1))
        self.model = model
        build_optimizer(model)
        self._fresh = [variable.numpy() for variable in model.optimizer.variables]

    def steps(self, share: Share) -> Generator[None, None, Metrics]:
        """Go through a share; as of `train_steps`."""
        if (self._rank.index, self._rank.size) != (share.index, share.size):
            self._rank = WorkerRank(share.index, share.size)
            self._feeds.clear()
        for variable, value in zip(self.model.optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        self.model.reset_metrics()
        return self._told_steps(share)

    def _told_steps(self, share: Share) -> Generator[None, None, Metrics]:
        with told(share.ear, self._rank):
            return (yield from self.train_steps(share.epoch, share.done))


@keras.saving.register_keras_serializable(package="invoicelake")
class SelfFeedingModel(keras.Model):
    """A model that is given a share in place of rows.

    Elephas would carry the rows in an RDD, as one array; so they come through the same feed as elsewhere.
    It also makes a new model in each epoch; so this one hands weights on to one that is kept.
    """

    _trainer: WorkerTrainer | None = None
    _steps: Generator[None, None, None]

    def fit(self, shares: Sequence[Share], _: Any, **ignored: Any) -> None:
        """Go through the first share, of which the others are copies.

        Args:
            shares: of the worker.
            ignored: what Elephas gives for Keras' own `fit`.
        """
        self._begin(shares[0])
        for _ in self._steps:
            pass

    def train_on_batch(self, shares: Sequence[Share], _: Any) -> None:
        """Do the next step of the share, if there is one; after the last, report what they came to."""
        if self._trainer is None:
            self._begin(shares[0])
        next(self._steps, None)

    def get_weights(self) -> list[NDArray[Any]]:
        """Weights as they are now."""
        own = super().get_weights
        weights: list[NDArray[Any]] = (own if self._trainer is None else self._trainer.model.get_weights)()
        return weights

    def set_weights(self, weights: Sequence[NDArray[Any]]) -> None:
        """Go on from these."""
        own = super().set_weights
        (own if self._trainer is None else self._trainer.model.set_weights)(weights)

    def _begin(self, share: Share) -> None:
        weights = self.get_weights()
        self._trainer = self._trainer_of(share.job)
        self.set_weights(weights)
        self._steps = _reported(self._trainer, share)

    def _trainer_of(self, job: TrainingJob) -> WorkerTrainer:
        if job.fingerprint not in _kept:
            _kept.clear()
            model = keras.Model.from_config(self.get_config())
            with accelerated(job.training):
                job.task.compile(model, type(self.optimizer).from_config(self.optimizer.get_config()))
            accelerate(model, job.training)
            _kept[job.fingerprint] = WorkerTrainer(job, model)
        return _kept[job.fingerprint]


def _reported(trainer: WorkerTrainer, share: Share) -> Generator[None, None, None]:
    metrics = yield from trainer.steps(share)
    share.metrics.add([metrics])

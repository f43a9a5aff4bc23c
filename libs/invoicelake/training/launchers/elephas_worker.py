"""What Elephas runs in a Spark task: a model that fetches its share of the rows itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import keras

from invoicelake.models.extractor import compile_extractor
from invoicelake.training.ranks import Rank
from invoicelake.training.trainer import Trainer

if TYPE_CHECKING:
    from invoicelake.training.job import TrainingJob


class WorkerRank(Rank):
    """A Spark task within one epoch of an Elephas job: it has a share of the rows and speaks to nobody."""

    def __init__(self, index: int, size: int) -> None:
        super().__init__()
        self.index, self.size = index, size


@keras.saving.register_keras_serializable(package="invoicelake")
class SelfFeedingModel(keras.Model):
    """A model whose `fit` is given the number of a share of the rows, in place of rows.

    Elephas would carry the rows in an RDD, as one array; so they come through the same feed as elsewhere.
    """

    def fit(self, shares: Any, _: Any, *, job: TrainingJob, epoch: int, workers: int, **ignored: Any) -> Any:
        """Go through the share of training rows once.

        Args:
            shares: one number, the worker's.
            job: names rows and settings.
            epoch: from 0.
            workers: number of shares.
            ignored: what Elephas adds for Keras' own `fit`.

        Returns:
            An object with `history`, as from Keras.
        """
        compile_extractor(self, self.optimizer)
        metrics = Trainer(job, self, WorkerRank(int(shares[0]), workers)).train_epoch(epoch)
        return SimpleNamespace(history={name: [value] for name, value in metrics.items()})

"""From a table of the lake to a training job: its splits, pinned to one version."""

from __future__ import annotations

from invoicelake import config
from invoicelake.tables import Lake, require_writable
from invoicelake.training.job import TrainingJob
from invoicelake.training.task import Task


def pinned_job(
    lake: Lake, table: str, source: str, task: Task, training: config.Training, seed: int
) -> TrainingJob:
    """The job of training on the newest version of a table.

    Args:
        lake: that holds it; checkpoints are kept beside its tables.
        table: with the columns `source` and `split`, of which `train` and `validation` are used.
        source: whose rows are used.
        task: what is learnt.
        training: how.
        seed: of all that is drawn.

    Raises:
        JobError: checkpoints cannot be written.
    """
    version = lake.version(table)
    train, validation = (
        lake.pin(table, {"source": source, "split": split}, version) for split in ("train", "validation")
    )
    checkpoints = lake.side_folder("checkpoints")
    require_writable(checkpoints)
    return TrainingJob(
        task=task, train=train, validation=validation, training=training, seed=seed, checkpoints=checkpoints
    )

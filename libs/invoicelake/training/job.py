"""What a training job is: everything that decides its outcome, in a form that travels to other processes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from invoicelake import config
from invoicelake.tables import PinnedTable
from invoicelake.training.layout import Layout
from invoicelake.training.task import Task

_CODE = ("models", "training")
_NOT_DECIDING = {
    "start_timeout_s",
    "cycle_time_ms",
    "checkpoint_every_s",
    "max_restarts",
    "stall_timeout_s",
    "min_processes",
    "elephas_unencrypted",
}
_XLA_LENGTHS = 64
"""XLA compiles a model anew for each shape: with it, lengths of batches are multiples of this."""


@dataclass(frozen=True)
class TrainingJob:
    """A model to be trained on one version of a table.

    Attributes:
        task: what to train.
        train: rows to learn from.
        validation: rows to choose the best epoch by; without any, the loss on `train` decides.
        training: how to train.
        seed: of every draw.
        checkpoints: folder that all ranks can reach.
    """

    task: Task
    train: PinnedTable
    validation: PinnedTable
    training: config.Training
    seed: int
    checkpoints: str

    @property
    def layout(self) -> Layout:
        """Which columns of the tables are what."""
        return replace(self.task.layout, length_step=_XLA_LENGTHS if self.training.xla else 1)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that decides what comes out: rows, settings and code."""
        facts = {
            # Files never change: their names say which rows, also where other partitions changed since.
            "rows": [[table.name, table.rows] for table in (self.train, self.validation)],
            "files": sorted(Path(file).name for file in self.train.files + self.validation.files),
            "task": [type(self.task).__name__, dict(self.task.facts)],
            "training": self._deciding_settings(),
            "seed": self.seed,
            "code": code_hash(),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _deciding_settings(self) -> dict[str, Any]:
        settings = self.training.model_dump(exclude=_NOT_DECIDING)
        # Each goes on where the other stopped.
        return settings | {"launcher": settings["launcher"].removesuffix("_elastic")}

    @property
    def tags(self) -> dict[str, str]:
        """What a tracked run must say of the job to be found again."""
        return {
            "fingerprint": self.fingerprint,
            "training_table": self.train.name,
            "training_table_version": str(self.train.version),
        }


def code_hash() -> str:
    """SHA-256, in hex, of the sources that shape a trained model."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for file in sorted(file for folder in _CODE for file in (package / folder).rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()

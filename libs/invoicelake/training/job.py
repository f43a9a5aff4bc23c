"""What a training job is: everything that decides its outcome, in a form that travels to other processes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from invoicelake import config
from invoicelake.models.encoding import IGNORED, tensor_specs
from invoicelake.tables import PinnedTable
from invoicelake.training.feed import Layout

_CODE = ("models", "training")


@dataclass(frozen=True)
class TrainingJob:
    """A model to be trained on one version of a table.

    Attributes:
        train: rows to learn from.
        validation: rows to choose the best epoch by; without any, the loss on `train` decides.
        model: the network's shape.
        encoding: how documents became tensors.
        fields: in the order of the classes.
        vocabulary_size: of the vocabulary that the rows were encoded with.
        encoder_id: of that vocabulary.
        training: how to train.
        seed: of every draw.
        checkpoints: folder that all ranks can reach.
    """

    train: PinnedTable
    validation: PinnedTable
    model: config.Model
    encoding: config.Encoding
    fields: tuple[config.Field, ...]
    vocabulary_size: int
    encoder_id: str
    training: config.Training
    seed: int
    checkpoints: str

    @property
    def layout(self) -> Layout:
        """Which columns of the tables are what."""
        specs = tensor_specs(self.encoding)
        return Layout(specs, target="labels", length="words", key="example_id", ignored=IGNORED)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of all that decides what comes out: rows, settings and code."""
        facts = {
            # Files never change: their names say which rows, also where other partitions changed since.
            "rows": [[table.name, table.rows] for table in (self.train, self.validation)],
            "files": sorted(Path(file).name for file in self.train.files + self.validation.files),
            "model": self.model.model_dump(),
            "encoding": self.encoding.model_dump(),
            "fields": [field.model_dump() for field in self.fields],
            "encoder": self.encoder_id,
            "training": self.training.model_dump(exclude={"start_timeout_s"}),
            "seed": self.seed,
            "code": code_hash(),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

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

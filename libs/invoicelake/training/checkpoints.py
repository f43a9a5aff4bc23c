"""Where training stands, as files that appear whole or not at all and hold arrays and JSON, no pickles."""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

log = logging.getLogger(__name__)

_KEPT = 2
_GROUPS = ("weights", "optimizer", "best")
Array = NDArray[Any]


@dataclass(frozen=True)
class Standing:
    """All it takes to go on after an epoch.

    Attributes:
        epoch: epochs done.
        weights: of the model.
        optimizer: the optimizer's variables.
        best: weights after the best epoch so far.
        best_epoch: its number, from 1.
        best_score: its score; the higher, the better.
        history: the metrics of each epoch done.
    """

    epoch: int
    weights: Sequence[Array]
    optimizer: Sequence[Array]
    best: Sequence[Array]
    best_epoch: int
    best_score: float
    history: tuple[Mapping[str, float], ...]


class Checkpoints:
    """The checkpoints of one training job in one folder.

    Args:
        folder: made if need be; must be on this machine or a path that all machines share.
        fingerprint: of the job; checkpoints of another one are not used.
    """

    def __init__(self, folder: str | Path, fingerprint: str) -> None:
        self._folder = Path(folder) / fingerprint[:16]
        self._fingerprint = fingerprint

    def save(self, standing: Standing) -> None:
        """Add a checkpoint and remove those that are no longer needed."""
        facts = {
            "fingerprint": self._fingerprint,
            "epoch": standing.epoch,
            "best_epoch": standing.best_epoch,
            "best_score": standing.best_score,
            "history": [dict(entry) for entry in standing.history],
        }
        arrays = {"facts": np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)}
        for group in _GROUPS:
            values = enumerate(getattr(standing, group))
            arrays |= {f"{group}-{number:04d}": value for number, value in values}
        write_arrays(self._folder / f"epoch-{standing.epoch:04d}.npz", arrays)
        for file in self._files()[:-_KEPT]:
            file.unlink(missing_ok=True)

    def latest(self) -> Standing | None:
        """The newest checkpoint that can be read; None when there is none."""
        for file in reversed(self._files()):
            try:
                standing = self._load(file)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                log.warning("checkpoint %s cannot be read, trying the one before: %s", file, error)
                continue
            if standing is not None:
                return standing
        return None

    def write_best(self, standing: Standing) -> str:
        """Write the best weights into a file of their own, for `read_weights`; return its path."""
        file = self._folder / "best.npz"
        write_arrays(file, {f"{number:04d}": value for number, value in enumerate(standing.best)})
        return str(file)

    def remove(self) -> None:
        """Remove all checkpoints of the job."""
        for file in [*self._files(), self._folder / "best.npz"]:
            file.unlink(missing_ok=True)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("epoch-*.npz"))

    def _load(self, file: Path) -> Standing | None:
        with np.load(file, allow_pickle=False) as stored:
            facts: dict[str, Any] = json.loads(stored["facts"].tobytes())
            groups = {
                group: [stored[name] for name in sorted(stored.files) if name.startswith(f"{group}-")]
                for group in _GROUPS
            }
        if facts.pop("fingerprint") != self._fingerprint:
            return None
        facts["history"] = tuple(facts["history"])
        return Standing(**facts | groups)


def write_arrays(file: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays so that the file is there whole or not at all, whatever ends the process."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with partial.open("wb") as out:
            np.savez(out, **arrays)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def read_weights(file: str | Path) -> list[Array]:
    """The weights that `write_best` wrote, in Keras' order."""
    with np.load(file, allow_pickle=False) as stored:
        return [stored[name] for name in sorted(stored.files)]

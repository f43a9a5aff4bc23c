"""Where training stands, as files that appear whole or not at all and hold arrays and JSON, no pickles."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from invoicelake.errors import JobError
from invoicelake.training.epoch_plan import Done

log = logging.getLogger(__name__)

_KEPT = 2
_GROUPS = ("weights", "optimizer", "best")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """What was done of an epoch before it was broken off.

    Attributes:
        done: steps, and by how many ranks.
        sums: float64 `(ranks, values)`, what the variables of each rank's metrics had come to.
        seconds: that it took.
    """

    done: tuple[Done, ...] = ()
    sums: Array = field(default_factory=lambda: np.zeros((0, 0)))
    seconds: float = 0.0

    @property
    def steps(self) -> int:
        """How many steps were done."""
        return sum(each.steps for each in self.done)


@dataclass(frozen=True)
class Standing:
    """All it takes to go on after an epoch, or in the midst of one.

    Attributes:
        epoch: epochs done.
        weights: of the model.
        optimizer: the optimizer's variables.
        best: weights after the best epoch so far.
        best_epoch: its number, from 1.
        best_score: its score; the higher, the better.
        history: the metrics of each epoch done.
        part: what was done of the epoch that comes after those.
    """

    epoch: int
    weights: Sequence[Array]
    optimizer: Sequence[Array]
    best: Sequence[Array]
    best_epoch: int
    best_score: float
    history: tuple[Mapping[str, float], ...]
    part: Part = field(default_factory=Part)


class Checkpoints:
    """The checkpoints of one training job in one folder.

    Args:
        folder: made if need be; must be on this machine or a path that all machines share.
        fingerprint: of the job; checkpoints of another one are not used.

    Attributes:
        shards: folder for the parts of sharded embeddings, which each rank keeps itself.
    """

    def __init__(self, folder: str | Path, fingerprint: str) -> None:
        self._folder = Path(folder) / fingerprint[:16]
        self.shards = self._folder / "shards"
        self._fingerprint = fingerprint

    def save(self, standing: Standing) -> None:
        """Add a checkpoint and remove those that are no longer needed.

        Raises:
            JobError: the disk has no room for it; those before are as they were.
        """
        part = standing.part
        facts = {
            "fingerprint": self._fingerprint,
            "epoch": standing.epoch,
            "best_epoch": standing.best_epoch,
            "best_score": standing.best_score,
            "history": [dict(entry) for entry in standing.history],
            "done": part.done,
            "seconds": part.seconds,
        }
        arrays = {"facts": np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8), "sums": part.sums}
        for group in _GROUPS:
            values = enumerate(getattr(standing, group))
            arrays |= {f"{group}-{number:04d}": value for number, value in values}
        write_arrays(self._folder / f"epoch-{standing.epoch:04d}-step-{part.steps:08d}.npz", arrays)
        for file in [*self._files()[:-_KEPT], *self._partial_files()]:
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
        shutil.rmtree(self._folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("epoch-*.npz"))

    def _partial_files(self) -> list[Path]:
        """What processes left behind that were killed while they wrote."""
        return sorted(self._folder.glob(".*.npz.*"))

    def _load(self, file: Path) -> Standing | None:
        with np.load(file, allow_pickle=False) as stored:
            facts: dict[str, Any] = json.loads(stored["facts"].tobytes())
            sums = stored["sums"]
            groups = {
                group: [stored[name] for name in sorted(stored.files) if name.startswith(f"{group}-")]
                for group in _GROUPS
            }
        if facts.pop("fingerprint") != self._fingerprint:
            return None
        done = tuple(Done(*each) for each in facts.pop("done"))
        part = Part(done, sums, facts.pop("seconds"))
        facts["history"] = tuple(facts["history"])
        return Standing(**facts | groups, part=part)


def write_arrays(file: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays so that the file is there whole or not at all, whatever ends the process.

    Raises:
        JobError: the disk has no room for it.
    """
    _write_whole(file, lambda out: _write(out, arrays))


def write_json(file: Path, facts: Mapping[str, Any]) -> None:
    """Write facts as `write_arrays` writes arrays.

    Raises:
        JobError: the disk has no room for it.
    """
    _write_whole(file, lambda out: out.write(json.dumps(facts, indent=1).encode()))


def _write_whole(file: Path, write: Callable[[IO[bytes]], object]) -> None:
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise _no_room(file, error) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def _write(out: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """Write what `np.load` reads; `np.savez`, on a full disk, leaves an archive open that complains later."""
    write: Any = np.lib.format.write_array
    with zipfile.ZipFile(out, "w") as archive:
        for name, value in arrays.items():
            buffer = io.BytesIO()
            write(buffer, np.asanyarray(value), allow_pickle=False)
            archive.writestr(f"{name}.npy", buffer.getbuffer())


def _no_room(file: Path, error: OSError) -> JobError:
    disk = next(parent for parent in file.absolute().parents if parent.is_mount())
    free_mb = shutil.disk_usage(disk).free / 1e6
    return JobError(
        f"no room to write {file} ({error.strerror}): the disk at {disk} has {free_mb:.1f} MB free; make "
        "room there, or raise the limit on files, and give the same command again: it goes on from the last "
        "checkpoint"
    )


def read_weights(file: str | Path) -> list[Array]:
    """The weights that `write_best` wrote, in Keras' order."""
    with np.load(file, allow_pickle=False) as stored:
        return [stored[name] for name in sorted(stored.files)]

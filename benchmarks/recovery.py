"""Seconds from the loss of a rank to the next training step, when one is killed, and when one hangs.

The extractor trains on two ranks on generated documents; in the midst of an epoch one rank gets SIGKILL, or
SIGSTOP, which leaves it as if it hung. `ratio` is the longest time over the minute that it may take.
"""

from __future__ import annotations

import logging
import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

import feed_examples
from invoicelake.tables.pinning import PinnedTable, pin_files
from invoicelake.training.extractor_task import ExtractorTask
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.loop import train_rank
from scenarios import scratch

if TYPE_CHECKING:
    from invoicelake.job import Run
    from invoicelake.training.ranks import Event

# Below the logger of the package, whose lines are shown.
log = logging.getLogger("invoicelake.benchmarks.recovery")

ROWS, VALIDATION_ROWS, REPEATS, MAY_TAKE_S = 4000, 50, 3, 60
KINDS = {"killed": signal.SIGKILL, "hung": signal.SIGSTOP}


class Loss:
    """Listens to the chief, and sends a rank a signal once a checkpoint is kept within an epoch.

    Attributes:
        seconds: from then to the next step.
    """

    def __init__(self, number: signal.Signals) -> None:
        self._number = number
        self._lost_at: float | None = None
        self._is_back = False
        self.seconds: float | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if event["event"] == "checkpoint" and self._lost_at is None:
            self._lost_at = time.monotonic()
            os.kill(next(_ranks()), self._number)
        elif event["event"] == "resumed":
            self._is_back = self._lost_at is not None
        elif event["event"] == "step" and self._is_back and self.seconds is None:
            self.seconds = time.monotonic() - (self._lost_at or 0)


def measure(run: Run) -> dict[str, float | str]:
    """Median seconds of each kind of loss."""
    found: dict[str, float | str] = {"ranks": 2, "rows": ROWS}
    longest = 0.0
    for kind, number in KINDS.items():
        times = [_measured(run, number) for _ in range(REPEATS)]
        log.info("a rank was %s: %s s to the next step", kind, ", ".join(f"{each:.1f}" for each in times))
        found[f"{kind}_s"] = round(statistics.median(times), 1)
        longest = max(longest, *times)
    return found | {"ratio": round(longest / MAY_TAKE_S, 2)}


def _measured(run: Run, number: signal.Signals) -> float:
    loss = Loss(number)
    with scratch(run) as folder:
        job = _job(run, folder)
        launcher(job.training, loss).train(partial(train_rank, job), job.training.processes)
    assert loss.seconds is not None
    return loss.seconds


def _job(run: Run, folder: Path) -> TrainingJob:
    suite = run.suite
    changes = {"processes": 2, "epochs": 1, "checkpoint_every_s": 1.0}
    task = ExtractorTask(
        suite.model, suite.encoding, suite.fields, suite.encoding.vocabulary_size, "generated"
    )
    return TrainingJob(
        task=task,
        train=_table(suite, folder / "train", ROWS),
        validation=_table(suite, folder / "validation", VALIDATION_ROWS),
        training=suite.training.model_copy(update=changes),
        seed=suite.seed,
        checkpoints=str(folder / "checkpoints"),
    )


def _table(suite: Any, folder: Path, rows: int) -> PinnedTable:
    layout, tensors = feed_examples.examples(suite, rows)
    feed_examples.write_delta(folder, layout, tensors)
    return pin_files("gold.extractor_example", str(folder), 0, {})


def _ranks() -> Iterator[int]:
    """Process ids of the ranks of this job, which are below this process."""
    for process in psutil.Process().children(recursive=True):
        # One may end, or be a zombie, while it is looked at.
        with suppress(psutil.Error):
            if "invoicelake.training.launchers.rank_process" in process.cmdline():
                yield process.pid

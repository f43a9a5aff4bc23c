"""Ranks that are started again when one was lost, and go on from the last checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from invoicelake.config import SettingsError
from invoicelake.training.ranks import Event, Launcher, Listener, Rank, RankFailed, RanksLate

log = logging.getLogger(__name__)

T = TypeVar("T")


class LastCheckpoint:
    """Hands events on, and remembers from where training would go on.

    Args:
        listener: takes all events.

    Attributes:
        epochs: how many have been finished.
        has_begun: whether all ranks have been up.
    """

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener
        self.epochs = 0
        self.has_begun = False
        self._place = "the last checkpoint, if there is one"

    def __call__(self, event: Event) -> None:
        """Take an event of the chief, which tells none before it has met the other ranks."""
        self.has_begun = True
        if event["event"] == "epoch":
            self.epochs += 1
            self._place = f"the end of epoch {event['epoch']}"
        elif event["event"] in ("checkpoint", "resumed"):
            self._place = f"step {event['step']} of epoch {event['epoch'] + 1}"
        if self._listener is not None:
            self._listener(event)

    def __str__(self) -> str:
        """From where it would go on."""
        return self._place


class Tries:
    """Counts how often ranks were started again since an epoch was finished.

    Args:
        last: knows of the epochs.
        most: after so many, a failure is final.

    Attributes:
        number: of times.
    """

    def __init__(self, last: LastCheckpoint, most: int) -> None:
        self._last, self._most = last, most
        self._epochs = self.number = 0

    def take(self, failure: RankFailed) -> None:
        """Take that ranks are started once more, after a failure.

        Raises:
            RankFailed: the failure would come again, or it has come too often.
        """
        if not (failure.is_passing or (isinstance(failure, RanksLate) and self._last.has_begun)):
            raise failure
        if self._last.epochs > self._epochs:
            self._epochs, self.number = self._last.epochs, 0
        if self.number >= self._most:
            raise RankFailed(
                f"{failure}; training.max_restarts={self._most} is used up; what is trained so far is kept: "
                "give the same command again to go on",
                failure.details,
            ) from failure
        self.number += 1


class RestartingLauncher:
    """Has another launcher start the ranks again after a failure that need not come again.

    Args:
        launcher: starts ranks.
        last: where they would go on.
        max_restarts: as of `Tries`.
    """

    def __init__(self, launcher: Launcher, last: LastCheckpoint, max_restarts: int) -> None:
        self._launcher, self._last, self._max_restarts = launcher, last, max_restarts

    def train(self, function: Callable[[Rank], T], processes: int) -> list[T]:
        """Run `function` as `processes` ranks."""
        tries, lost = Tries(self._last, self._max_restarts), ""
        while True:
            try:
                return self._launcher.train(function, processes)
            except RankFailed as failure:
                tries.take(failure)
                lost = str(failure)
                told = (lost, tries.number, self._max_restarts, str(self._last))
                log.warning("%s; starting the ranks again (%d of %d times), from %s", *told)
            except SettingsError as error:
                if not lost:
                    raise
                raise RankFailed(
                    f"{lost}; and it cannot be started again: {error}; or set "
                    "training.launcher=horovod_elastic, which goes on with fewer ranks"
                ) from error

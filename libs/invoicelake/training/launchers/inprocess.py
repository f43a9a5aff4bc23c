"""One rank in this very process: for tests, for debugging, and for machines with one core."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from invoicelake.config import SettingsError
from invoicelake.training.ranks import Listener, Rank

T = TypeVar("T")


class InProcessLauncher:
    """Calls the function here."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener

    def train(self, function: Callable[[Rank], T], processes: int) -> list[T]:
        """Run `function` as the only rank."""
        if processes != 1:
            raise SettingsError(
                f"training.launcher=inprocess has one rank, training.processes is {processes}; set it to 1"
            )
        return [function(Rank(self._listener))]

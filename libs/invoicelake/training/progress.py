"""What the driver shows of training: a bar where a terminal is there, a log line an epoch where none is."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any

from invoicelake.training.ranks import Event

log = logging.getLogger(__name__)


class Progress:
    """Listens to the chief's events, in the driver; to be closed afterwards."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._shows_bar = sys.stderr.isatty()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if event["event"] == "epoch":
            self._close_bar()
            numbers = ", ".join(f"{name} {value:.4g}" for name, value in event["metrics"].items())
            log.info("epoch %d of %d: %s", event["epoch"], event["epochs"], numbers)
        elif event["event"] == "device":
            log.info("the first rank computes on: %s", event["device"])
        elif event["event"] == "resumed" and (event["epoch"] or event["step"]):
            log.info("going on after step %d of epoch %d", event["step"], event["epoch"] + 1)
        elif event["event"] == "step" and self._shows_bar:
            self._move_bar(event)

    def __enter__(self) -> Progress:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the bar."""
        self._close_bar()

    def _move_bar(self, event: Event) -> None:
        if self._bar is None:
            from tqdm import tqdm

            name = f"epoch {event['epoch'] + 1}"
            self._bar = tqdm(total=event["steps"], desc=name, unit="step", leave=False, file=sys.stderr)
        self._bar.update(event["step"] - self._bar.n)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

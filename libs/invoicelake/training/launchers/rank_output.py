"""What ranks say to the driver: lines of text, some of which are events."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable

from invoicelake.training.ranks import Event, Listener, RankFailed

log = logging.getLogger(__name__)

MARK = "\x1einvoicelake "
_TAIL_LINES = 40
_BEREFT = ("HorovodInternalError", "Horovod has been shut down")


def emit(event: Event) -> None:
    """Send an event to the driver, in the stream that Horovod carries there."""
    sys.stdout.write(f"{MARK}{json.dumps(dict(event))}\n")
    sys.stdout.flush()


class RankOutput:
    """Takes what the ranks write: events go to the listener, all else to the log; the last lines are kept.

    Args:
        listener: takes the events that the chief reports.
        on_failure: called when a rank says that it failed.
    """

    def __init__(self, listener: Listener | None, on_failure: Callable[[], None]) -> None:
        self._listener, self._on_failure = listener, on_failure
        self._lock = threading.Lock()
        self._rest = ""
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._failed: list[Event] = []

    def write(self, text: str) -> None:
        """Take some text, which need not be whole lines."""
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._take(line.rstrip("\r"))

    def flush(self) -> None:
        """Nothing is held back."""

    def failure(self, error: BaseException) -> RankFailed:
        """What to tell the user of a run that ended with `error`."""
        details = "\n".join(self._tail)
        # When a rank ends, the others fail for want of it; theirs is not the cause.
        causes = [event for event in self._failed if not any(sign in event["cause"] for sign in _BEREFT)]
        if causes:
            first = causes[0]
            told = f"rank {first['rank']} failed: {first['cause']}"
            return RankFailed(told, f"{first['trace']}\n{details}")
        if self._failed:
            return RankFailed("a rank ended without a word: killed, or out of memory", details)
        return RankFailed(f"training stopped: {str(error).strip()}", details)

    def _take(self, line: str) -> None:
        _, mark, event = line.partition(MARK)
        if not mark:
            self._tail.append(line)
            log.debug("%s", line)
            return
        parsed: Event = json.loads(event)
        if parsed["event"] == "failed":
            self._failed.append(parsed)
            self._on_failure()
        elif self._listener is not None:
            self._listener(parsed)

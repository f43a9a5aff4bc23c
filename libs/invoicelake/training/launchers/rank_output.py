"""What ranks say to the driver: lines of text, some of which are events."""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections import deque

from invoicelake.training.launchers.rank_task import MARK
from invoicelake.training.launchers.spark_failure import cause_of, is_loss, raised
from invoicelake.training.launchers.watch import Watch
from invoicelake.training.ranks import Event, Listener, RankFailed

log = logging.getLogger(__name__)

_TAIL_LINES = 40
# The last is all that TensorFlow tells when rows were being gathered.
_BEREFT = ("HorovodInternalError", "Horovod has been shut down", "gloo/transport/")


class RankOutput:
    """Takes what the ranks write: events go to the listener, all else to the log; the last lines are kept.

    Args:
        listener: takes the events that the chief reports.
        watch: takes the ranks' beats.

    Attributes:
        up: of each rank that has met the others, what it said then.
        failed_at: when, by the monotonic clock, the first rank ended that should not have; none has if None.
    """

    def __init__(self, listener: Listener | None, watch: Watch) -> None:
        self._listener, self._watch = listener, watch
        self._lock = threading.Lock()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._failed: list[Event] = []
        self._ended: dict[int, int | None] = {}
        self.up: dict[int, Event] = {}
        self.failed_at: float | None = None

    def write(self, line: str) -> None:
        """Take a line."""
        with self._lock:
            self._take(line.rstrip("\r\n"))

    def gone(self, rank: int) -> None:
        """Take that nothing more comes from a rank."""
        with self._lock:
            if rank not in self._ended:
                self._end(rank, None)

    def failure(self, error: BaseException | None = None) -> RankFailed:
        """What to tell the user of a run that ended with `error`, or because a rank did."""
        details = "\n".join(self._tail)
        # When a rank ends, the others fail for want of it; theirs is not the cause.
        causes = [event for event in self._failed if not any(sign in event["cause"] for sign in _BEREFT)]
        if causes:
            first = causes[0]
            told = f"rank {first['rank']} failed: {first['cause']}"
            return RankFailed(told, f"{first['trace']}\n{details}")
        if error is not None and not self.up and (cause := raised(error)):
            # A task that could not start its rank; the others were ended for want of that.
            return RankFailed(f"training stopped: {cause}", f"{error}\n{details}")
        told_of = {event["rank"] for event in self._failed}
        for rank, code in self._ended.items():
            if code != 0 and rank not in told_of:
                return RankFailed(f"{self._watch.called(rank)} {_end_of(code)}", details, is_passing=True)
        if self._failed:
            told = f"ranks lost each other: {self._failed[0]['cause']}"
            return RankFailed(told, f"{self._failed[0]['trace']}\n{details}", is_passing=True)
        details = f"{error}\n{details}"
        if is_loss(error):
            told = "a rank was lost before it was heard of: its executor, or Python there, is gone"
            return RankFailed(told, details, is_passing=True)
        told = cause_of(error) if error is not None else "no rank says why"
        # Before any rank was up, what is wrong is in most cases not that one was lost.
        return RankFailed(f"training stopped: {told}", details, is_passing=bool(self.up))

    def _take(self, line: str) -> None:
        parsed = event_in(line)
        if parsed is None:
            self._tail.append(line)
            self._watch.read(line)
            log.debug("%s", line)
        elif parsed["event"] == "failed":
            self._failed.append(parsed)
            self._fail()
        elif parsed["event"] == "ended":
            self._end(parsed["rank"], parsed["code"])
        elif parsed["event"] == "beat":
            self._watch.take(parsed)
        elif parsed["event"] == "up":
            self.up[parsed["rank"]] = parsed
        elif self._listener is not None:
            self._listener(parsed)

    def _end(self, rank: int, code: int | None) -> None:
        self._ended[rank] = code
        if code != 0:
            self._fail()

    def _fail(self) -> None:
        self.failed_at = self.failed_at or time.monotonic()


def event_in(line: str) -> Event | None:
    """The event in a line; None where there is none, or the writing of a library has cut it in two."""
    _, mark, told = line.partition(MARK)
    if not mark:
        return None
    try:
        event: Event = json.loads(told)
    except ValueError:
        return None
    return event


def _end_of(code: int | None) -> str:
    """How a rank ended that did not say so itself; `code` as of `Popen`, None when its task is gone, too."""
    if code is None:
        return "was lost: its executor, or the machine that it was on, is gone"
    if code < 0:
        return f"ended without a word: killed ({signal.Signals(-code).name}), or out of memory"
    return f"ended without a word, with exit code {code}"

"""What each rank tells the driver of itself, again and again: that it lives, how far it is, and where."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invoicelake.training.ranks import Event, Rank

_EVERY_S = 2.0
_BUSY_SHARE = 0.1
"""Of a processor, that a process uses which works, other than what Horovod's own threads use all the time."""
_TASKS = Path("/proc/self/task")
_SWITCHES = ("voluntary", "nonvoluntary")
_TRACE_AFTER = 5
"""Beats without a move after which the whole stack is told."""


class Heartbeat:
    """Beats from a thread of its own, until it is stopped or nobody listens.

    An event is `{"event": "beat", "rank", "host", "pid", "moves", "is_busy", "place", "trace"}`: `moves`
    counts what the rank got done; `is_busy` says whether it prepares something, such as a graph, and does
    not merely wait; `place` is where its main thread is.

    Args:
        index: number of the rank.
        emit: sends an event to the driver.
        main: the thread that trains.
        unheard: called when nobody listens any more.
    """

    def __init__(
        self,
        index: int,
        emit: Callable[[Event], None],
        main: threading.Thread,
        unheard: Callable[[], None] = lambda: None,
    ) -> None:
        self._index, self._emit, self._main, self._unheard = index, emit, main, unheard
        self._is_over = threading.Event()
        self._rank: Rank | None = None
        self._moves, self._still = -1, 0
        self._idle: set[int] = set()
        self._used_s, self._at_s = self._used(), time.monotonic()
        self._switches = 0

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._beat_on, name="heartbeat", daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._is_over.set()

    def of(self, rank: Rank) -> None:
        """Tell of this rank's moves, now that it is known."""
        self._rank = rank

    def leave_out(self, threads: set[int]) -> None:
        """Take that these threads use the processor also where nothing gets on, as Horovod's do.

        Args:
            threads: of this process, from `threads_now`.
        """
        self._idle = threads

    def beat(self) -> Event:
        """One event."""
        moves = self._rank.moves if self._rank else 0
        self._still = self._still + 1 if moves == self._moves else 0
        self._moves = moves
        frame = sys._current_frames().get(self._main.ident or 0)
        stack = "".join(traceback.format_stack(frame)) if self._still >= _TRACE_AFTER else ""
        return {
            "event": "beat",
            "rank": self._index,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "moves": moves,
            "is_busy": self._is_busy(),
            "place": _place(frame),
            "trace": stack,
        }

    def _is_busy(self) -> bool:
        """Whether it works, reads or waits for a processor; what hangs sleeps without ever waking."""
        share, (state, switches) = self._used_share(), _schedule(self._main)
        is_awake = state in ("R", "D") or switches != self._switches
        self._switches = switches
        is_preparing = self._rank is None or self._rank.is_preparing
        return is_preparing and (is_awake or share >= _BUSY_SHARE)

    def _used_share(self) -> float:
        """Share of a processor that this process has used since it was last asked."""
        used_s, at_s = self._used(), time.monotonic()
        share = (used_s - self._used_s) / max(at_s - self._at_s, 1e-9)
        self._used_s, self._at_s = used_s, at_s
        return share

    def _used(self) -> float:
        """Seconds of processors' time that this process has used, but for the threads that are left out."""
        return time.process_time() - sum(_used_by(thread) for thread in self._idle)

    def _beat_on(self) -> None:
        try:
            while not self._is_over.is_set():
                self._emit(self.beat())
                self._is_over.wait(_EVERY_S)
        except (OSError, ValueError):
            self._unheard()


def threads_now() -> set[int]:
    """The threads of this process as Linux numbers them; none elsewhere."""
    return {int(task.name) for task in _TASKS.iterdir()} if _TASKS.is_dir() else set()


def _used_by(thread: int) -> float:
    """Seconds of a processor's time that a thread of this process has used."""
    try:
        return int((_TASKS / str(thread) / "schedstat").read_text().split()[0]) / 1e9
    except (OSError, ValueError):
        return 0.0


def _schedule(thread: threading.Thread) -> tuple[str, int]:
    """A thread's state as Linux names it, and how often it was given a processor; empty and 0 elsewhere."""
    try:
        lines = (_TASKS / str(thread.native_id) / "status").read_text().splitlines()
    except OSError:
        return "", 0
    told = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    return told["State"][0], sum(int(told[f"{kind}_ctxt_switches"][0]) for kind in _SWITCHES)


def _place(frame: FrameType | None) -> str:
    """`file.py:line function`, innermost first, of the innermost frame and the innermost one of ours."""
    stack = traceback.extract_stack(frame)[::-1] if frame else []
    ours = [entry for entry in stack if f"{os.sep}invoicelake{os.sep}" in entry.filename]
    told = [f"{Path(entry.filename).name}:{entry.lineno} {entry.name}" for entry in stack[:1] + ours[:1]]
    return ", called from ".join(dict.fromkeys(told))

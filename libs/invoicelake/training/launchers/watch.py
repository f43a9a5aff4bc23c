"""Whether ranks still get on, judged in the driver by what they tell of themselves."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from invoicelake.training.ranks import Event

_MISSING = re.compile(r"(?:^|>:)(\d+)!?: \[")
# Where a rank's main thread is while it waits for the others.
_WAITING = ("execute.py:", "mpi_ops.py:")
BUSY_LIMITS = 15
"""How many limits a rank may be busy without a move: what turns in circles, or waits for a disk, is too."""


@dataclass
class _Seen:
    """What is known of a rank; times are of the watch's clock: of the last beat, move, and move or work."""

    at_s: float
    moved_s: float
    worked_s: float
    beat: Event = field(default_factory=dict)


class Watch:
    """Takes the ranks' beats, and tells when training stands still.

    Where ranks step together, one that hangs stops all of them, and only one that is silent is known to be
    the cause by that alone.

    Args:
        processes: number of ranks.
        limit_s: time without a beat of a rank, or without a move of any of them, that is a stall. Who is
            busy has `BUSY_LIMITS` of it.
        clock: seconds.
        is_together: whether ranks step together; where they do not, each must move by itself.
    """

    def __init__(
        self,
        processes: int,
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
        is_together: bool = True,
    ) -> None:
        self._processes, self._limit_s, self._clock = processes, limit_s, clock
        self._is_together = is_together
        self._lock = threading.Lock()
        self._seen: dict[int, _Seen] = {}
        self._missing: list[int] = []

    def take(self, beat: Event) -> None:
        """Take what a rank told."""
        with self._lock:
            now, rank = self._clock(), int(beat["rank"])
            before = self._seen.get(rank)
            moved_s, worked_s = (before.moved_s, before.worked_s) if before else (now, now)
            has_moved = before is None or beat["moves"] != before.beat["moves"]
            if has_moved or beat["is_busy"]:
                worked_s, self._missing = now, []
            self._seen[rank] = _Seen(now, now if has_moved else moved_s, worked_s, beat)

    def forget(self, rank: int) -> None:
        """Take that a rank is done, or gone."""
        with self._lock:
            self._seen.pop(rank, None)

    def read(self, line: str) -> None:
        """Take a line of the ranks' output: Horovod names there who is missing from an exchange."""
        if found := _MISSING.search(line):
            with self._lock:
                self._missing.append(int(found[1]))

    def called(self, rank: int) -> str:
        """What to call a rank: its number and, once it was heard of, its process."""
        beat = self._seen[rank].beat if rank in self._seen else None
        return f"rank {rank}" + (f" (process {beat['pid']} on {beat['host']})" if beat else "")

    def stall(self) -> tuple[str, str] | None:
        """Message and details of a stall; None while there is none, or before all ranks were heard of."""
        with self._lock:
            now = self._clock()
            if self._is_together and len(self._seen) < self._processes:
                return None
            longest_s = max((now - seen.at_s for seen in self._seen.values()), default=0)
            still = self._still(now)
            if longest_s <= self._limit_s and not still:
                return None
            silent = [rank for rank in sorted(self._seen) if self._is_silent(rank, now)]
            blamed = silent or self._blamed(still)
            told = ", ".join(self._told(rank, now) for rank in blamed)
            is_busy = not silent and any(self._is_busy(rank, now) for rank in blamed)
            limit_s = self._limit_s * (BUSY_LIMITS if is_busy else 1)
            return f"training hung for {limit_s:.0f} s: {told}", self._details()

    def _still(self, now: float) -> list[int]:
        """Ranks that do not get on; where they step together, all do as long as one does."""
        still = [rank for rank in sorted(self._seen) if self._is_still(rank, now)]
        return still if not self._is_together or len(still) == len(self._seen) else []

    def _is_still(self, rank: int, now: float) -> bool:
        is_stuck = now - self._seen[rank].moved_s > BUSY_LIMITS * self._limit_s
        return is_stuck or not self._is_busy(rank, now)

    def _is_busy(self, rank: int, now: float) -> bool:
        return now - self._seen[rank].worked_s <= self._limit_s

    def _is_silent(self, rank: int, now: float) -> bool:
        return now - self._seen[rank].at_s > self._limit_s / 2

    def _blamed(self, still: list[int]) -> list[int]:
        """Of ranks that do not get on, those that others wait for; all of them where that cannot be told."""
        behind = [rank for rank in still if not self._place(rank).startswith(_WAITING)]
        for blamed in (sorted(set(self._missing) & set(still)), behind):
            if 0 < len(blamed) < len(still):
                return blamed
        return still

    def _told(self, rank: int, now: float) -> str:
        seen, state = self._seen[rank], "it is"
        if self._is_silent(rank, now):
            state = f"silent for {now - seen.at_s:.0f} s, as if stopped; it was"
        elif self._is_busy(rank, now):
            state = "busy, yet without a step; it is"
        return f"{self.called(rank)}, {state} at {self._place(rank)} after {seen.beat['moves']} steps"

    def _place(self, rank: int) -> str:
        return str(self._seen[rank].beat["place"])

    def _details(self) -> str:
        return "\n".join(
            f"{self.called(rank)}: {seen.beat['place']}\n{seen.beat['trace']}"
            for rank, seen in sorted(self._seen.items())
        )

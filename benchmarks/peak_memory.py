"""How much memory a group of processes takes at its peak, without counting twice what they share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_EVERY_S = 0.25


@dataclass
class Peak:
    """What was seen so far."""

    megabytes: float = 0.0


class PeakMemory:
    """Watches the Python processes that come up below this one, and what this one takes more than now."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._before = _proportional_bytes(self._own)

    @contextmanager
    def watched(self) -> Iterator[Peak]:
        """Watch until the context ends; processes that are there when it begins do not count."""
        peak, ended = Peak(), threading.Event()
        present = {child.pid for child in self._own.children(recursive=True)}

        def watch() -> None:
            while not ended.wait(_EVERY_S):
                peak.megabytes = max(peak.megabytes, self._bytes(present) / 2**20)

        thread = threading.Thread(target=watch, name="peak memory", daemon=True)
        thread.start()
        try:
            yield peak
        finally:
            ended.set()
            thread.join()

    def _bytes(self, present: set[int]) -> int:
        new = [child for child in self._own.children(recursive=True) if child.pid not in present]
        return _proportional_bytes(self._own) - self._before + sum(map(_proportional_bytes, new))


def _proportional_bytes(process: psutil.Process) -> int:
    """Its memory, with a page that n processes share counted as 1/n; 0 if it has ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0

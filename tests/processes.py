"""The processes of a training job, found among all of this machine's by what they were started with."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

_RANK = "invoicelake.training.launchers.rank_process"


def ranks(of: int) -> dict[int, int]:
    """Number to process id of the ranks below a process that have come up so far."""
    found = {}
    for process in descendants(of):
        try:
            if _RANK in process.cmdline():
                found[int(process.environ()["HOROVOD_RANK"])] = process.pid
        except (psutil.Error, KeyError):
            continue
    return found


def descendants(of: int) -> list[psutil.Process]:
    """All processes below one."""
    return psutil.Process(of).children(recursive=True)


def wait(until: Callable[[], bool], at_most_s: float) -> float:
    """Wait until something is so; return the seconds that it took.

    Raises:
        TimeoutError: it is not.
    """
    began = time.monotonic()
    while not until():
        if time.monotonic() - began > at_most_s:
            raise TimeoutError(f"not so after {at_most_s} s")
        time.sleep(0.1)
    return time.monotonic() - began

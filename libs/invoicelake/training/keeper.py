"""When to keep checkpoints within an epoch: all ranks meet at the same steps, about every so many seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from invoicelake.training.checkpoints import Array, Part
from invoicelake.training.epoch_plan import Done

if TYPE_CHECKING:
    from invoicelake.training.ranks import Rank

_COST_SHARE = 0.05
"""Of the time, that checkpoints take at most."""


class Keeper:
    """Keeps checkpoints of one rank's epochs; all ranks must have one.

    Ranks cannot ask each other at each step whether it is time: they meet at steps that they agreed on when
    they last met, at most twice as many after the first as before, and the chief says how it is.

    Args:
        rank: this rank.
        every_s: time between checkpoints.
        save: keeps where the epoch stands; called on all ranks.
        clock: seconds.
    """

    def __init__(
        self,
        rank: Rank,
        every_s: float,
        save: Callable[[Part], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rank, self._every_s, self._save, self._clock = rank, every_s, save, clock
        self._cost_s = 0.0
        self._steps = self._met = 0
        self._next = 1
        self._met_s = self._saved_s = self._began_s = clock()
        self._before, self._first = Part(), 0

    def begin(self, before: Part) -> None:
        """Take that an epoch begins, of which something may have been done before."""
        self._before, self._first = before, self._steps
        # The end of the epoch before was kept.
        self._began_s = self._saved_s = self._clock()

    @property
    def seconds(self) -> float:
        """What the epoch has taken so far."""
        return self._before.seconds + self._clock() - self._began_s

    def after_step(self, sums: Callable[[], Array]) -> None:
        """Take that one more step was done; `sums` gives what this rank's metrics have come to."""
        self._steps += 1
        if self._steps < self._next:
            return
        is_due, steps = (int(value) for value in self._rank.total(self._judged()))
        self._next = self._steps + steps
        if is_due:
            self._keep(self._rank.gathered(sums()))

    def _judged(self) -> Array:
        """On the chief whether to save now, and steps until the ranks meet again; zeros on the others."""
        if not self._rank.is_chief:
            return np.zeros(2)
        now = self._clock()
        a_step_s = (now - self._met_s) / max(self._steps - self._met, 1)
        self._met, self._met_s = self._steps, now
        wait_s = max(self._every_s, self._cost_s / _COST_SHARE)
        is_due = now - self._saved_s >= wait_s
        left_s = wait_s if is_due else wait_s - (now - self._saved_s)
        steps = min(int(left_s / max(a_step_s, 1e-6)) + 1, self._steps)
        return np.array([is_due, steps], np.float64)

    def _keep(self, sums: Array) -> None:
        began = self._clock()
        steps = self._steps - self._first
        self._save(Part(_with(self._before.done, Done(self._rank.size, steps)), sums, self.seconds))
        self._saved_s = self._clock()
        self._cost_s = self._saved_s - began


def _with(done: Sequence[Done], last: Done) -> tuple[Done, ...]:
    """Steps done before and now; those of as many ranks as one."""
    if done and done[-1].ranks == last.ranks:
        return (*done[:-1], Done(last.ranks, done[-1].steps + last.steps))
    return (*done, last)

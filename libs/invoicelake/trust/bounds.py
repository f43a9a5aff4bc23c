"""Which readings of a field may be accepted, so that the error among them stays below what is allowed.

Learn then Test (A. Angelopoulos, S. Bates, E. Candès, M. Jordan, L. Lei, arXiv 2110.01052, 2021): each cut in
the scores is a hypothesis, "more than the allowed share of what it accepts is wrong", and only cuts whose
hypothesis is rejected are used. To take the largest of many cuts is multiple testing, which is paid for with
fixed sequences: cuts are tried in a fixed order, from few readings to many, each sequence until its first cut
that cannot be shown to be good, and the confidence is shared by the sequences (their fixed sequence testing
with several starts). Each test is the exact binomial one (C. Clopper, E. Pearson, Biometrika 26, 1934, pages
404 to 413).

A cut lies at the next score below what it accepts. Given that score, the readings above it are drawn
independently from all readings above it, so the binomial test is exact although the cut depends on the
scores. That a sequence stops at its first bad cut presumes that a higher score is not more often wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

_MOST_STARTS = 5
_LEAST_RIGHT = 1e-9


@dataclass(frozen=True)
class Cut:
    """The readings of a field that are accepted.

    Attributes:
        above: a reading is accepted when its score is greater; None: none is.
        held_out: readings that the cut was chosen by.
        accepted: those of them that it accepts.
        wrong: those of the accepted that are wrong.
        error_bound: that the true error is below, at the confidence asked for, with all that is unlike the
            held-out readings counted as accepted and wrong; None where none is accepted.
        needed: held-out readings without any error that it takes to accept something.
    """

    above: float | None
    held_out: int
    accepted: int
    wrong: int
    error_bound: float | None
    needed: int

    def accepts(self, score: float) -> bool:
        """Whether a reading of this score is accepted."""
        return self.above is not None and score > self.above

    @property
    def accepted_share(self) -> float:
        """Share of the held-out readings that the cut accepts."""
        return self.accepted / self.held_out if self.held_out else 0.0


def chosen_cut(
    scores: Sequence[float],
    is_right: Sequence[bool],
    max_error: float,
    confidence: float = 0.95,
    effect: float = 1.0,
    excess: float = 0.0,
) -> Cut:
    """The cut that accepts most while the true error of what it accepts is at most `max_error`.

    Over all draws of held-out readings the promise is broken in at most a share `1 - confidence` of them, as
    long as readings to come are drawn as these were.

    Args:
        scores: of held-out readings, in [0, 1].
        is_right: of each of them.
        max_error: share of the accepted that may be wrong.
        confidence: of the promise.
        effect: how many readings tell as much as one independent reading, from `design_effect`.
        excess: share of what is to be read that is unlike the held-out readings (`excess_share`). All of it
            may be accepted, and all of that be wrong, so it counts as error: the more the less a cut accepts.
    """
    held_out = len(scores)
    risk = 1 - confidence
    least_needed = math.ceil(needed_readings(max_error, confidence) * effect)
    if max_error <= 0 or held_out < least_needed:
        return Cut(None, held_out, 0, 0, None, least_needed)
    held, right = np.asarray(scores, dtype=np.float64), np.asarray(is_right, dtype=bool)
    ends, wrong, lower = _groups(held, right)
    starts = min(_MOST_STARTS, held_out // least_needed)
    bounds = upper_bounds(wrong / effect, ends / effect, 1 - risk / starts) + excess * held_out / ends
    is_good = bounds <= max_error
    best = -1
    for start in range(1, starts + 1):
        place = int(np.searchsorted(ends, math.ceil(held_out * start / starts)))
        while place < len(ends) and is_good[place]:
            best = max(best, place)
            place += 1
    if best < 0:
        return Cut(None, held_out, 0, 0, None, least_needed)
    above = float(lower[best])
    if ends[best] == held_out:
        # All may be accepted, which is no word on scores below those of any reading that was right.
        above = float(np.nextafter(held[right].min(), 0.0))
    accepted = held > above
    wrongly = int((accepted & ~right).sum())
    return Cut(above, held_out, int(accepted.sum()), wrongly, float(bounds[best]), least_needed)


def needed_readings(max_error: float, confidence: float = 0.95) -> int:
    """How many readings, all of them right, show that the error is at most `max_error`: 299 for 0.01."""
    if not 0 < max_error < 1:
        return 1
    return math.ceil(math.log(1 - confidence) / math.log(1 - max_error))


def design_effect(is_right: Sequence[bool], groups: Sequence[str]) -> float:
    """How many readings tell as much as one independent reading, where those of a group err together.

    1 + (m - 1) r, at least 1, with m the size of the group that a reading is in and r the intraclass
    correlation of errors, by analysis of variance (M. Ridout, C. Demétrio, D. Firth, Biometrics 55, 1999,
    pages 137 to 148). To divide the counts of a Clopper-Pearson bound by it is E. Korn and B. Graubard's
    (Survey Methodology 24, 1998, pages 193 to 201). It is 1 where nothing is wrong, or all is.
    """
    wrong = 1.0 - np.asarray(is_right, dtype=np.float64)
    _, places, sizes = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    total, number = len(wrong), len(sizes)
    if number < 2 or number == total or wrong.min() == wrong.max():
        return 1.0
    means = np.bincount(places, wrong) / sizes
    between = float((sizes * (means - wrong.mean()) ** 2).sum()) / (number - 1)
    within = float(((wrong - means[places]) ** 2).sum()) / (total - number)
    usual = (total - float((sizes**2).sum()) / total) / (number - 1)
    correlation = (between - within) / (between + (usual - 1) * within)
    return max(1.0, 1 + (float((sizes**2).sum()) / total - 1) * correlation)


def upper_bounds(
    wrong: NDArray[np.float64], total: NDArray[np.float64], confidence: float
) -> NDArray[np.float64]:
    """One-sided Clopper-Pearson bounds that the true share of wrong ones is below; 1 where all are wrong."""
    bounds = special.betaincinv(wrong + 1, np.maximum(total - wrong, _LEAST_RIGHT), confidence)
    return np.where(wrong >= total, 1.0, bounds)


def _groups(
    scores: NDArray[np.float64], is_right: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """For each distinct score, highest first: readings down to it, wrong ones among them, the next score."""
    order = np.argsort(-scores, kind="stable")
    ordered, faults = scores[order], np.cumsum(~is_right[order])
    last = np.flatnonzero(np.append(np.diff(ordered) != 0, [True]))
    lower = np.append(ordered[last[:-1] + 1], 0.0)
    return last.astype(np.int64) + 1, faults[last].astype(np.int64), lower

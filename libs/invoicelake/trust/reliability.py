"""How far probabilities are from what comes true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Readings of like probability: how many, their mean probability, and the share that is right.

    Attributes:
        low: of the 95 % Clopper-Pearson interval of the share.
        high: of the same.
    """

    readings: int
    probability: float
    share: float
    low: float
    high: float


def reliability(
    probabilities: Sequence[float] | NDArray[np.float64], is_right: Sequence[bool], bins: int = BINS
) -> list[Bin]:
    """The readings in bins of equal width in probability, empty ones left out."""
    given, right = np.asarray(probabilities, dtype=np.float64), np.asarray(is_right, dtype=bool)
    places = np.minimum((given * bins).astype(int), bins - 1)
    return [_bin(given[places == place], right[places == place]) for place in np.unique(places)]


def expected_calibration_error(
    probabilities: Sequence[float] | NDArray[np.float64], is_right: Sequence[bool], bins: int = BINS
) -> float:
    """Mean distance of probability and share over the bins, by readings; 0.0 without any.

    M. Naeini, G. Cooper, M. Hauskrecht, AAAI 2015, pages 2901 to 2907.
    """
    total = len(is_right)
    found = reliability(probabilities, is_right, bins)
    return sum(each.readings * abs(each.share - each.probability) for each in found) / total if total else 0.0


def _bin(probabilities: NDArray[np.float64], is_right: NDArray[np.bool_]) -> Bin:
    total, right = len(is_right), int(is_right.sum())
    low = float(special.betaincinv(right, total - right + 1, 0.025)) if right else 0.0
    high = float(special.betaincinv(right + 1, total - right, 0.975)) if right < total else 1.0
    return Bin(total, float(probabilities.mean()), right / total, low, high)

"""Scores to probabilities: of readings that are given 0.9, nine in ten are right.

Fitted on held-out readings, of which there may be a few hundred: temperature (C. Guo, G. Pleiss, Y. Sun, K.
Weinberger, ICML 2017, pages 1321 to 1330), Platt's sigmoid with his smoothed targets (Advances in Large
Margin Classifiers, 1999, pages 61 to 74), beta (M. Kull, T. Silva Filho, P. Flach, AISTATS 2017, pages 623 to
631) and isotonic regression (B. Zadrozny, C. Elkan, KDD 2002, pages 694 to 699). Which of them is used is
chosen by the log loss on suppliers that it was not fitted on. All of them keep the order of the scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Array = NDArray[np.float64]
_LEAST = 1e-6
_FOLDS = 5
_MOST_SLOPE = 20.0


@dataclass(frozen=True)
class Calibration:
    """How the scores of a field become probabilities.

    Attributes:
        method: `isotonic`, or a sigmoid: `temperature`, `platt`, `beta`; `share` where all are treated alike.
        values: of a sigmoid, a, b and c of 1 / (1 + exp(-(a ln s - b ln(1 - s) + c))); of isotonic
            regression, scores in rising order and then their probabilities.
        fitted_on: held-out readings.
    """

    method: str
    values: tuple[float, ...]
    fitted_on: int

    def probabilities(self, scores: Sequence[float] | Array) -> Array:
        """The probability that each reading is right; never surer than so many readings can show."""
        given = np.asarray(scores, dtype=np.float64)
        if self.method == "isotonic":
            knots = len(self.values) // 2
            found = np.interp(given, self.values[:knots], self.values[knots:])
        else:
            found = special.expit(_log_odds(np.array(self.values), given))
        doubt = 1 / (self.fitted_on + 2)
        return np.clip(found, doubt, 1 - doubt)

    def probability(self, score: float) -> float:
        """The probability that a reading is right."""
        return float(self.probabilities([score])[0])

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> Calibration:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: it is no calibration.
        """
        values = tuple(float(value) for value in held["values"])
        is_whole = (
            len(values) >= 2 and len(values) % 2 == 0 if held["method"] == "isotonic" else len(values) == 3
        )
        if held["method"] not in _METHODS or not is_whole or not np.isfinite(values).all():
            raise ValueError(f"no calibration: {held}")
        return cls(str(held["method"]), values, int(held["fitted_on"]))


def fitted(
    method: str, scores: Sequence[float] | Array, is_right: Sequence[bool] | NDArray[np.bool_]
) -> Calibration:
    """Fit one method; there must be a reading."""
    given, right = np.asarray(scores, dtype=np.float64), np.asarray(is_right, dtype=np.float64)
    return Calibration(method, tuple(float(value) for value in _METHODS[method](given, right)), len(given))


def chosen_calibration(
    scores: Sequence[float], is_right: Sequence[bool], groups: Sequence[str]
) -> tuple[Calibration, Array]:
    """The method that does best on suppliers it was not fitted on, fitted on all readings.

    Args:
        scores: of held-out readings; at least one.
        is_right: of each of them.
        groups: supplier of each of them.

    Returns:
        The calibration, and the probability of each reading by the same method fitted without its supplier.
    """
    given, right = np.asarray(scores, dtype=np.float64), np.asarray(is_right, dtype=bool)
    folds = _folds(groups)
    outside = {method: _outside(method, given, right, folds) for method in _METHODS}
    # The simpler method comes first, and stays unless another one is better.
    best = min(_METHODS, key=lambda method: round(_log_loss(outside[method], right), 4))
    return fitted(best, given, right), outside[best]


def _folds(groups: Sequence[str]) -> NDArray[np.int64]:
    """A fold for each reading, all of a supplier in one: the largest suppliers are dealt out first."""
    names, counts = np.unique(np.asarray(groups, dtype=str), return_counts=True)
    sizes = [0] * min(_FOLDS, len(names))
    homes: dict[str, int] = {}
    for place in np.argsort(-counts, kind="stable"):
        home = sizes.index(min(sizes))
        homes[str(names[place])] = home
        sizes[home] += int(counts[place])
    return np.array([homes[str(group)] for group in groups])


def _outside(method: str, scores: Array, is_right: NDArray[np.bool_], folds: NDArray[np.int64]) -> Array:
    if len(set(folds.tolist())) < 2:
        return fitted(method, scores, is_right).probabilities(scores)
    found = np.zeros(len(scores))
    for fold in set(folds.tolist()):
        inside = folds != fold
        found[~inside] = fitted(method, scores[inside], is_right[inside]).probabilities(scores[~inside])
    return found


def _log_loss(probabilities: Array, is_right: NDArray[np.bool_]) -> float:
    return float(-np.log(np.where(is_right, probabilities, 1 - probabilities)).mean())


def _log_odds(parameters: Array, scores: Array) -> Array:
    safe = np.clip(scores, _LEAST, 1 - _LEAST)
    slope_up, slope_down, shift = parameters
    found: Array = slope_up * np.log(safe) - slope_down * np.log(1 - safe) + shift
    return found


def _fit_sigmoid(
    free: Callable[[Array], Array], start: Sequence[float], bounds: Sequence[tuple[float, float]]
) -> Any:
    """Fit the parameters that `free` spreads to a, b and c, by likelihood on Platt's smoothed targets."""

    def fit(scores: Array, is_right: Array) -> Array:
        right = float(is_right.sum())
        wrong = len(is_right) - right
        targets = np.where(is_right > 0, (right + 1) / (right + 2), 1 / (wrong + 2))

        def loss(parameters: Array) -> float:
            odds = _log_odds(free(parameters), scores)
            return float((targets * np.logaddexp(0, -odds) + (1 - targets) * np.logaddexp(0, odds)).mean())

        return free(optimize.minimize(loss, np.array(start), bounds=bounds, method="L-BFGS-B").x)

    return fit


def _fit_isotonic(scores: Array, is_right: Array) -> Array:
    from sklearn.isotonic import IsotonicRegression

    # One reading more of each kind, as with the smoothed targets.
    fit = IsotonicRegression().fit(np.append(scores, [0.0, 1.0]), np.append(is_right, [0.0, 1.0]))
    return np.concatenate([fit.X_thresholds_, fit.y_thresholds_])


_SLOPE, _SHIFT = (0.0, _MOST_SLOPE), (-50.0, 50.0)
_METHODS: dict[str, Callable[[Array, Array], Array]] = {
    "share": _fit_sigmoid(lambda p: np.array([0.0, 0.0, p[0]]), [0.0], [_SHIFT]),
    "temperature": _fit_sigmoid(lambda p: np.array([p[0], p[0], 0.0]), [1.0], [_SLOPE]),
    "platt": _fit_sigmoid(lambda p: np.array([p[0], p[0], p[1]]), [1.0, 0.0], [_SLOPE, _SHIFT]),
    "beta": _fit_sigmoid(lambda p: np.array(p), [1.0, 1.0, 0.0], [_SLOPE, _SLOPE, _SHIFT]),
    "isotonic": _fit_isotonic,
}

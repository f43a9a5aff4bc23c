"""Feature selection: columns that vary, do not repeat each other, and tell something of the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from invoicelake.transforms.analytics.fitted import Fit, Parameter
from invoicelake.transforms.analytics.matrices import Floats, Matrix

_BINS = 10


def selection_parameters(
    customers: Matrix, names: Sequence[str], target: Sequence[bool], keep: int, max_correlation: float
) -> list[Parameter]:
    """Why each feature is kept or not, and what was measured.

    A constant column goes; then, from the most informative to the least, a column goes whose correlation
    (Pearson's, of ranks) with one already kept is above `max_correlation`; then all beyond the first `keep`.
    Information is mutual information with the target in nats, of the column in ten bins of equally many rows;
    the F value of an analysis of variance is given beside it. Equal ones go by name.

    Where all customers are of one class nothing tells them apart, and names alone decide.
    """
    from sklearn.metrics import mutual_info_score

    ranks = _ranks(customers.values)
    information = [float(mutual_info_score(target, _tenths(column))) for column in ranks.T]
    f_values = _f_values(customers.values, target)
    reasons = _reasons(names, ranks, information, keep, max_correlation)
    found = []
    for place, name in enumerate(names):
        found += [
            Parameter(name, "variance", 0, float(customers.values[:, place].var())),
            Parameter(name, "mutual_information", 0, information[place]),
            Parameter(name, "f_value", 0, float(f_values[place])),
            Parameter(name, "outcome", 0, float(reasons[name] == "kept"), reasons[name]),
        ]
    return found


def selected(fit: Fit) -> list[str]:
    """The features that were kept, in their order."""
    return [name for name in fit.columns if fit.values(name, "outcome") == [1.0]]


def rebuilt(customers: Matrix, names: Sequence[str], kept: Sequence[str]) -> Floats:
    """All features as far as the kept ones tell them: least squares for the others; float64 `(R, F)`."""
    scaled = customers.scaled
    places = [names.index(name) for name in kept]
    weights, *_ = np.linalg.lstsq(scaled[:, places], scaled, rcond=None)
    told = scaled[:, places] @ weights
    told[:, places] = scaled[:, places]
    found: Floats = told * customers.deviations + customers.means
    return found


def _f_values(values: Floats, target: Sequence[bool]) -> Floats:
    """float64 `(F,)`; 0 for a constant column, and for all where there is one class only."""
    from sklearn.feature_selection import f_classif

    found = np.zeros(values.shape[1])
    varies = values.std(axis=0) > 0
    if len(set(target)) > 1 and varies.any():
        found[varies] = np.nan_to_num(f_classif(values[:, varies], target)[0], posinf=1e300)
    return found


def _reasons(
    names: Sequence[str], ranks: Floats, information: Sequence[float], keep: int, max_correlation: float
) -> dict[str, str]:
    """`kept`, or why not, by name."""
    kept: list[int] = []
    reasons: dict[str, str] = {}
    for place in sorted(range(len(names)), key=lambda each: (-information[each], names[each])):
        twin = next((other for other in kept if _correlation(ranks, place, other) > max_correlation), None)
        if ranks[:, place].std() == 0:
            reasons[names[place]] = "constant"
        elif twin is not None:
            reasons[names[place]] = f"repeats {names[twin]}"
        elif len(kept) == keep:
            reasons[names[place]] = "tells less than those kept"
        else:
            kept.append(place)
            reasons[names[place]] = "kept"
    return reasons


def _correlation(ranks: Floats, one: int, other: int) -> float:
    if ranks[:, one].std() == 0 or ranks[:, other].std() == 0:
        return 0.0
    return abs(float(np.corrcoef(ranks[:, one], ranks[:, other])[0, 1]))


def _ranks(values: Floats) -> Floats:
    """Mean rank of each value in its column, float64 `(R, F)`: money has few very large values."""
    import pandas as pd

    found: Floats = pd.DataFrame(values).rank().to_numpy()
    return found


def _tenths(ranks: Floats) -> list[int]:
    return [int(each) for each in np.ceil(ranks / len(ranks) * _BINS)]

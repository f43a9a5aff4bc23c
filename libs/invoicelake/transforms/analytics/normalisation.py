"""Columns on a common scale: z-score, min-max and logarithm, fitted once and applied as Spark expressions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyspark.sql import Column, functions as F

from invoicelake.transforms.analytics.fitted import Fit, Parameter
from invoicelake.transforms.analytics.summaries import Summary

NORMALISATIONS = ("z_score", "min_max", "log")


def normalisation_parameters(transform: str, name: str, summary: Summary) -> list[Parameter]:
    """What `transform` needs to know of the column `name`.

    Sums are rounded once (`fsum`), so that every machine comes to the same numbers. A column without values
    counts as one of zeros.
    """
    values, weights = summary.values.tolist(), summary.weights.tolist()
    if transform == "min_max":
        low, high = (values[0], values[-1]) if values else (0.0, 0.0)
        return [Parameter(name, "minimum", 0, low), Parameter(name, "maximum", 0, high)]
    if transform == "log":
        return [Parameter(name, "scale", 0, 1.0)]
    rows = sum(weights) or 1
    mean = math.fsum(value * weight for value, weight in zip(values, weights, strict=True)) / rows
    squares = ((value - mean) ** 2 * weight for value, weight in zip(values, weights, strict=True))
    deviation = math.sqrt(math.fsum(squares) / rows)
    return [Parameter(name, "mean", 0, mean), Parameter(name, "deviation", 0, deviation)]


def normalised(fit: Fit, name: str) -> Column:
    """The column `name` by a fit of it, as a double; null and NaN become null.

    - `z_score`: distance from the mean in (population) standard deviations
    - `min_max`: place between the least (0) and the greatest value (1); outside of these for values that were
      not there when it was fitted
    - `log`: `sign(x) ln(1 + |x|)`

    A column that was constant when it was fitted is 0 throughout.
    """
    value = as_number(name)
    if fit.transform == "log":
        return F.signum(value) * F.log1p(F.abs(value) / _of(fit, name, "scale"))
    if fit.transform == "min_max":
        low, high = _of(fit, name, "minimum"), _of(fit, name, "maximum")
        return _share(value, low, high - low)
    return _share(value, _of(fit, name, "mean"), _of(fit, name, "deviation"))


def normalised_columns(fits: Sequence[Fit], names: Sequence[str]) -> list[Column]:
    """`NAME_TRANSFORM` for each name and fit."""
    return [normalised(fit, name).alias(f"{name}_{fit.transform}") for name in names for fit in fits]


def as_number(name: str) -> Column:
    """The column as a double, null where it is none."""
    value = F.col(name).cast("double")
    return F.when(~F.isnan(value), value)


def _of(fit: Fit, name: str, parameter: str) -> float:
    return fit.values(name, parameter)[0]


def _share(value: Column, start: float, width: float) -> Column:
    if width == 0:
        return F.when(value.isNotNull(), F.lit(0.0))
    return (value - F.lit(start)) / F.lit(width)

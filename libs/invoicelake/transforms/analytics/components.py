"""Principal components of the customers' features, applied as Spark expressions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.transforms.analytics.fitted import Fit, Parameter
from invoicelake.transforms.analytics.matrices import Floats, Matrix
from invoicelake.transforms.analytics.normalisation import as_number


def component_parameters(customers: Matrix, names: Sequence[str], explained: float) -> list[Parameter]:
    """Means, deviations and loadings of as few components as explain the share `explained` of the variance.

    The components are eigenvectors of the correlation matrix, most variance first. An eigenvector may point
    either way: its largest loading (the first of equals) is made positive.
    """
    scaled = customers.scaled
    shares, loadings = _eigenvectors(scaled.T @ scaled / max(1, len(scaled)))
    enough = np.cumsum(shares) >= explained - 1e-12
    kept = int(np.argmax(enough)) + 1 if enough.any() else len(names)
    found = [Parameter("", "explained_share", place, float(shares[place])) for place in range(kept)]
    for row, name in enumerate(names):
        found.append(Parameter(name, "mean", 0, float(customers.means[row])))
        found.append(Parameter(name, "deviation", 0, float(customers.deviations[row])))
        found += [Parameter(name, "loading", place, float(loadings[row, place])) for place in range(kept)]
    return found


def customer_components(features: DataFrame, fit: Fit) -> DataFrame:
    """The columns of gold.customer_component; one row per customer and component, numbered from 1.

    A feature that is null counts as its mean.
    """
    count = len(fit.values("", "explained_share"))
    entries = [
        F.struct(F.lit(place + 1).alias("component"), _component(fit, place).alias("value"))
        for place in range(count)
    ]
    exploded = features.select("source", "customer_id", F.explode(F.array(*entries)).alias("entry"))
    return exploded.select("source", "customer_id", "entry.*", F.lit(fit.fit_id).alias("fit_id"))


def rebuilt_from_components(customers: Matrix, fit: Fit) -> Floats:
    """All features as far as the components tell them, float64 `(R, F)`."""
    names = fit.columns
    means = np.array([fit.values(name, "mean")[0] for name in names])
    deviations = np.array([fit.values(name, "deviation")[0] for name in names])
    loadings = np.array([fit.values(name, "loading") for name in names])
    found: Floats = ((customers.values - means) / deviations) @ loadings @ loadings.T * deviations + means
    return found


def _component(fit: Fit, place: int) -> Column:
    terms = []
    for name in fit.columns:
        mean, deviation = fit.values(name, "mean")[0], fit.values(name, "deviation")[0]
        scaled = F.coalesce((as_number(name) - F.lit(mean)) / F.lit(deviation), F.lit(0.0))
        terms.append(scaled * F.lit(fit.values(name, "loading")[place]))
    return reduce(lambda total, term: total + term, terms)


def _eigenvectors(correlations: Floats) -> tuple[Floats, Floats]:
    """Shares of variance `(F,)` and eigenvectors `(F, F)`, a column each."""
    variances, vectors = np.linalg.eigh(correlations)
    order = np.argsort(-variances, kind="stable")
    variances, vectors = np.maximum(variances[order], 0.0), vectors[:, order]
    largest = np.argmax(np.round(np.abs(vectors), 9), axis=0)
    signs = np.where(vectors[largest, np.arange(len(vectors))] < 0, -1.0, 1.0)
    return variances / max(variances.sum(), 1e-300), vectors * signs

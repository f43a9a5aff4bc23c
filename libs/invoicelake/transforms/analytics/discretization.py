"""Columns as numbered bins with readable limits, fitted once and applied as Spark expressions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce

import numpy as np
from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.transforms.analytics import binning
from invoicelake.transforms.analytics.fitted import Fit, Parameter
from invoicelake.transforms.analytics.normalisation import as_number
from invoicelake.transforms.analytics.summaries import Summary

BINNINGS = ("equal_width", "equal_frequency", "k_means", "minimum_description_length")


def bin_parameters(transform: str, name: str, summary: Summary, bins: int) -> list[Parameter]:
    """Inner edges of the column's bins, each bin's label, the range that was seen; k-means' centres too."""
    edges = _edges(transform, summary, bins)
    found = [Parameter(name, "edge", place, edge) for place, edge in enumerate(edges)]
    found += [Parameter(name, "label", place, None, text) for place, text in enumerate(_labels(edges))]
    if len(summary.values):
        low, high = float(summary.values[0]), float(summary.values[-1])
        found += [Parameter(name, "minimum", 0, low), Parameter(name, "maximum", 0, high)]
    if transform == "k_means":
        found += [Parameter(name, "centre", *each) for each in enumerate(_centres(summary, edges))]
    return found


def bin_number(fit: Fit, name: str) -> Column:
    """The column's bin, from 0; null for null and NaN.

    A value outside of the range that was seen goes to the first or last bin.
    """
    value = as_number(name)
    steps = [F.when(value >= F.lit(edge), 1).otherwise(0) for edge in fit.values(name, "edge")]
    return F.when(value.isNotNull(), reduce(lambda total, step: total + step, steps, F.lit(0)))


def binned_columns(fit: Fit, names: Sequence[str]) -> list[Column]:
    """`NAME_bin` for each name."""
    return [bin_number(fit, name).alias(f"{name}_bin") for name in names]


def customer_bins(features: DataFrame, fits: Sequence[Fit]) -> DataFrame:
    """The columns of gold.customer_bin; one row per customer, feature and method.

    A null value has its own bin: number -1, labelled `null`.
    """
    entries = [_entry(fit, name) for fit in fits for name in fit.columns]
    exploded = features.select("source", "customer_id", F.explode(F.array(*entries)).alias("entry"))
    return exploded.select("source", "customer_id", "entry.*")


def _entry(fit: Fit, name: str) -> Column:
    number = bin_number(fit, name)
    labels = F.array(*[F.lit(text) for text in fit.texts(name, "label")])
    return F.struct(
        F.lit(name).alias("feature"),
        F.lit(fit.transform).alias("method"),
        as_number(name).alias("value"),
        F.coalesce(number, F.lit(-1)).alias("bin"),
        F.coalesce(F.element_at(labels, number + 1), F.lit("null")).alias("label"),
        F.lit(fit.fit_id).alias("fit_id"),
    )


def _edges(transform: str, summary: Summary, bins: int) -> list[float]:
    if transform == "equal_width":
        return binning.equal_width(summary, bins)
    if transform == "equal_frequency":
        return binning.equal_frequency(summary, bins)
    if transform == "k_means":
        return binning.k_means(summary, bins)
    return binning.minimum_description_length(summary)


def _labels(edges: Sequence[float]) -> list[str]:
    if not edges:
        return ["all"]
    names = [f"{edge:.6g}" for edge in edges]
    inner = [f"[{low}, {high})" for low, high in itertools.pairwise(names)]
    return [f"< {names[0]}", *inner, f">= {names[-1]}"]


def _centres(summary: Summary, edges: Sequence[float]) -> list[float]:
    places = np.searchsorted(np.array(edges), summary.values, side="right")
    weights = summary.weights
    return [
        float(np.average(summary.values[places == place], weights=weights[places == place]))
        for place in np.unique(places)
    ]

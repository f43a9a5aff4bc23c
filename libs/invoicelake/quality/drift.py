"""How far a column's distribution has shifted from one version of a table to the next.

The population stability index: bins are fitted on the version before, and for shares p of it and q of the new
one the index is the sum over the bins of (q - p) ln(q / p). Below 0.1 is no shift to speak of, from 0.25 on a
large one (N. Siddiqi, Credit Risk Scorecards, Wiley 2006; J. du Pisanie, J. S. Allison, C. J. Budde and
I. J. H. Visagie, A critical review of existing and new population stability testing procedures in credit risk
scoring, arXiv 2303.01227, 2023, which also tells what the index cannot do).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.quality.conditions import type_of
from invoicelake.table_spec import Drift, TableSpec

LEAST_SHARE = 0.0001
NUMBERS = ("tinyint", "smallint", "int", "bigint", "double", "float", "decimal", "date", "timestamp")


@dataclass(frozen=True)
class Bins:
    """Where the bins of a column begin and end, and how many rows of the version before are in each.

    Attributes:
        edges: of numbers, days or seconds: the upper ends, included, of all bins but the last.
        values: of anything else: the value of each bin, as text.
        before: rows in each bin; then those of all other values, then nulls.
    """

    edges: tuple[float, ...]
    values: tuple[str, ...]
    before: tuple[int, ...]


def stability_index(before: Sequence[int], after: Sequence[int]) -> float | None:
    """The population stability index of two lists of counts, bin by bin; None where one of them is empty.

    A bin that is empty on one side alone counts as a share of `LEAST_SHARE`, or the index would be infinite.
    """
    if not sum(before) or not sum(after):
        return None
    shares = [(old / sum(before), new / sum(after)) for old, new in zip(before, after, strict=True)]
    floored = [(max(old, LEAST_SHARE), max(new, LEAST_SHARE)) for old, new in shares if old or new]
    return sum((new - old) * math.log(new / old) for old, new in floored)


def fit(before: DataFrame, spec: TableSpec, checks: Sequence[Drift]) -> dict[str, Bins]:
    """Bins of each check's column, fitted on the version before, by the check's name."""
    edges = _edges(before, spec, [check for check in checks if is_number(spec, check.column)])
    values = {check.name: _frequent(before, check) for check in checks if not is_number(spec, check.column)}
    unfilled = {name: Bins(found, (), ()) for name, found in edges.items()}
    unfilled |= {name: Bins((), found, ()) for name, found in values.items()}
    wanted = {
        name: column for check in checks for name, column in counts(check, unfilled[check.name], spec).items()
    }
    row = before.agg(F.count(F.lit(1)).alias("rows"), *(c.alias(name) for name, c in wanted.items())).first()
    assert row is not None
    found = row.asDict()
    return {
        name: Bins(bins.edges, bins.values, histogram(name, bins, found, found["rows"]))
        for name, bins in unfilled.items()
    }


def counts(check: Drift, bins: Bins, spec: TableSpec) -> dict[str, Column]:
    """The aggregates from which `histogram` makes the rows per bin, by name."""
    if bins.values or not is_number(spec, check.column):
        value = F.col(check.column).cast("string")
        named = [F.count_if(value == F.lit(each)) for each in bins.values]
    else:
        number = as_number(spec, check.column)
        named = [F.count_if(number <= F.lit(edge)) for edge in bins.edges]
    columns = {f"_{check.name}_{number}": column for number, column in enumerate(named)}
    return columns | {f"_{check.name}_null": F.count_if(F.col(check.column).isNull())}


def histogram(name: str, bins: Bins, found: Mapping[str, Any], rows: int) -> tuple[int, ...]:
    """Rows per bin; then those of all other values, then nulls."""
    nulls = int(found[f"_{name}_null"])
    listed = [int(found[f"_{name}_{number}"]) for number in range(len(bins.edges) + len(bins.values))]
    if bins.edges:
        # Numbers are counted up to each edge; a bin holds what its edge adds.
        listed = [upto - below for upto, below in zip(listed, [0, *listed[:-1]], strict=True)]
    return (*listed, rows - nulls - sum(listed), nulls)


def is_number(spec: TableSpec, column: str) -> bool:
    """Whether a column is binned by quantiles."""
    return type_of(spec, column).split("(")[0] in NUMBERS


def as_number(spec: TableSpec, column: str) -> Column:
    """A number, date (days) or time (seconds) as a double."""
    value = F.col(column)
    return (F.unix_date(value) if type_of(spec, column) == "date" else value).cast("double")


def _edges(before: DataFrame, spec: TableSpec, checks: Sequence[Drift]) -> dict[str, tuple[float, ...]]:
    """Quantiles of each column, each once; exact ones, for approximate ones depend on the rows' order."""
    if not checks:
        return {}
    row = before.agg(
        *(
            F.percentile(as_number(spec, check.column), _shares(check.bins)).alias(check.name)
            for check in checks
        )
    ).first()
    assert row is not None
    return {
        check.name: tuple(sorted({edge for edge in row[check.name] or [] if not math.isnan(edge)}))
        for check in checks
    }


def _shares(bins: int) -> list[float]:
    return [number / bins for number in range(1, bins)]


def _frequent(before: DataFrame, check: Drift) -> tuple[str, ...]:
    """The most frequent values as text; of those that are as frequent, the first by the alphabet."""
    value = F.col(check.column).cast("string").alias("value")
    counted = (
        before.where(F.col(check.column).isNotNull()).groupBy(value).agg(F.count(F.lit(1)).alias("rows"))
    )
    rows = counted.orderBy(F.desc("rows"), "value").limit(check.bins).collect()
    return tuple(row["value"] for row in rows)

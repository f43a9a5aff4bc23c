"""A column's values and how often each occurs: small enough for the driver, whatever the table's size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window, functions as F

# A column with more distinct values is given in so many cells of equally many neighbouring values, each by
# its mean: no value moves further than to the other end of its cell.
MAX_CELLS = 16_384


@dataclass(frozen=True)
class Summary:
    """A column's distinct values in ascending order, nulls left out.

    Args:
        values: float64 `(N,)`.
        counts: int64 `(N, C)`, rows of each value by class; one class where there is no class column.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @property
    def weights(self) -> NDArray[np.int64]:
        """int64 `(N,)`: rows of each value, whatever their class."""
        totals: NDArray[np.int64] = self.counts.sum(axis=1)
        return totals


def value_counts(frame: DataFrame, columns: Sequence[str], class_column: str | None = None) -> DataFrame:
    """Values of numeric columns with their counts, at most `MAX_CELLS` rows per column and class.

    Sums are exact to six decimals and need no order, so that the same rows give the same numbers however they
    are spread.
    """
    entries = [
        F.struct(F.lit(name).alias("name"), F.col(name).cast("double").alias("value")) for name in columns
    ]
    of_class = F.col(class_column).cast("string") if class_column else F.lit("")
    cells = frame.select(F.explode(F.array(*entries)).alias("cell"), of_class.alias("class"))
    is_number = F.col("cell.value").isNotNull() & ~F.isnan("cell.value")
    counted = (
        cells.where(is_number).groupBy("cell.name", "cell.value", "class").agg(F.count("*").alias("rows"))
    )
    by_name = Window.partitionBy("name")
    ranked = counted.withColumn("rank", F.dense_rank().over(by_name.orderBy("value")))
    distinct = F.greatest(F.max("rank").over(by_name), F.lit(MAX_CELLS))
    placed = ranked.withColumn("cell", F.floor((F.col("rank") - 1) * MAX_CELLS / distinct))
    exact = F.col("value").cast("decimal(22,6)") * F.col("rows").cast("decimal(12,0)")
    return placed.groupBy("name", "cell", "class").agg(
        F.min("value").alias("low"),
        F.max("value").alias("high"),
        F.sum(exact).cast("double").alias("total"),
        F.sum("rows").alias("rows"),
    )


def summarised(counts: DataFrame, columns: Sequence[str]) -> dict[str, Summary]:
    """Collect what `value_counts` gives; a column without any value has an empty summary."""
    cells: dict[tuple[str, int], list[tuple[str, float, float, float, int]]] = defaultdict(list)
    for row in counts.collect():
        found = (row["class"], row["low"], row["high"], row["total"], row["rows"])
        cells[row["name"], row["cell"]].append(found)
    classes = sorted({cell[0] for listed in cells.values() for cell in listed})
    return {
        name: _summary([cells[key] for key in sorted(cells) if key[0] == name], classes) for name in columns
    }


def _summary(
    cells: Sequence[Sequence[tuple[str, float, float, float, int]]], classes: Sequence[str]
) -> Summary:
    values = np.zeros(len(cells), dtype=np.float64)
    counts = np.zeros((len(cells), max(1, len(classes))), dtype=np.int64)
    for place, cell in enumerate(cells):
        low, high = min(part[1] for part in cell), max(part[2] for part in cell)
        total, rows = sum(part[3] for part in sorted(cell)), sum(part[4] for part in cell)
        values[place] = low if low == high else min(max(total / rows, low), high)
        for name, *_, count in cell:
            counts[place, classes.index(name)] = count
    return Summary(values, counts)

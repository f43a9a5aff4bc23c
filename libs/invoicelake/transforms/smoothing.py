"""Noise taken out of numbers: bins that share one value, and medians of neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pyspark.sql import DataFrame, Window, functions as F


def with_bin_smoothed(
    frame: DataFrame,
    column: str,
    order: Sequence[str],
    bins: int,
    by: Literal["mean", "median", "boundary"] = "mean",
    groups: Sequence[str] = (),
) -> DataFrame:
    """Add `bin` and `smoothed`: values are sorted, cut into bins of equal size, and replaced by their bin's.

    Han, Kamber & Pei, Data Mining (2011), section 3.2.2.

    Args:
        column: the value; rows without one have no bin and no smoothed value.
        order: further columns that make the order total, such as the key.
        bins: how many; the first ones hold one row more where the rows do not divide evenly.
        by: the bin's mean, its median, or the nearer of its two ends (the lower one in the middle).
        groups: columns within whose values it is done; one group without.
    """
    is_there = F.col(column).isNotNull()
    ranked = Window.partitionBy(*groups, is_there).orderBy(column, *order)
    binned = frame.withColumn("bin", F.when(is_there, F.ntile(bins).over(ranked)))
    # Ordered and yet over all rows: a mean of doubles depends on the order in which they are added.
    whole = (
        Window.partitionBy(*groups, "bin")
        .orderBy(column, *order)
        .rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    )
    value = F.col(column).cast("double")
    low, high = F.min(value).over(whole), F.max(value).over(whole)
    chosen = {
        "mean": F.avg(value).over(whole),
        "median": F.percentile(value, 0.5).over(Window.partitionBy(*groups, "bin")),
        "boundary": F.when(value - low <= high - value, low).otherwise(high),
    }[by]
    return binned.select(*frame.columns, "bin", F.when(is_there, chosen).alias("smoothed"))


def with_rolling_median(
    frame: DataFrame, column: str, order: Sequence[str], reach: int, groups: Sequence[str] = ()
) -> DataFrame:
    """Add `smoothed`: the median of a value and of its neighbours, `reach` rows to either side.

    Tukey, Exploratory Data Analysis (1977), chapter 7. At the ends there are fewer neighbours; nulls are no
    neighbours and stay null.

    Args:
        order: the columns that rows are ordered by, total.
        groups: columns within whose values it is done; one group without.
    """
    near = Window.partitionBy(*groups).orderBy(*order).rowsBetween(-reach, reach)
    near_values = F.array_sort(F.collect_list(F.col(column).cast("double")).over(near))
    middle = F.size(near_values)
    # Places count from 1; where all neighbours are null there is none, and Spark would call place 0 an error.
    low = F.element_at(near_values, F.greatest(F.lit(1), ((middle + 1) / 2).cast("int")))
    high = F.element_at(near_values, F.greatest(F.lit(1), ((middle + 2) / 2).cast("int")))
    median = F.when(F.col(column).isNotNull(), (low + high) / 2)
    return frame.select(*frame.columns, median.alias("smoothed"))

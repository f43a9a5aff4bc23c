"""Values far outside of what is usual in their group: robust z scores and Tukey's fences."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, functions as F

# Median absolute deviation of a normal distribution, in its standard deviations (Iglewicz & Hoaglin 1993).
_NORMAL = 0.6745


def robust_z(value: Column, median: Column, mad: Column) -> Column:
    """The modified z score of Iglewicz & Hoaglin, How to Detect and Handle Outliers (1993), p. 11.

    Args:
        mad: median absolute deviation from the median.

    Returns:
        double; null where the deviation is 0, so that half of the group has one value.
    """
    return F.when(mad > 0, F.lit(_NORMAL) * (value - median) / mad)


def is_beyond_fences(value: Column, first_quartile: Column, third_quartile: Column, reach: float) -> Column:
    """Whether a value lies outside Tukey's fences, `reach` quartile ranges beyond the quartiles.

    Tukey, Exploratory Data Analysis (1977), pp. 43 f.: 1.5 for what is outside, 3 for what is far out.
    """
    slack = F.lit(reach) * (third_quartile - first_quartile)
    return (value < first_quartile - slack) | (value > third_quartile + slack)


def is_outlier(value: Column, spread: dict[str, Column], limit: float = 3.5, reach: float = 3.0) -> Column:
    """Whether a value's robust z exceeds `limit` or, where that has no meaning, it is beyond the fences.

    Args:
        spread: `median`, `mad`, `first_quartile` and `third_quartile` of the value's group.
    """
    z = robust_z(value, spread["median"], spread["mad"])
    fences = is_beyond_fences(value, spread["first_quartile"], spread["third_quartile"], reach)
    return F.when(spread["mad"] > 0, F.abs(z) > limit).otherwise(fences)


def with_spread(frame: DataFrame, column: str, groups: Sequence[str]) -> DataFrame:
    """One row per group: `median`, `mad`, `first_quartile`, `third_quartile` and `values`, exact.

    Nulls in `column` are left out; groups are matched null-safe. Equal values are counted first, so that the
    cost is one pass and the number of different values.
    """
    counted = (
        frame.where(F.col(column).isNotNull())
        .groupBy(*groups, F.col(column).cast("double").alias("value"))
        .agg(F.count(F.lit(1)).alias("times"))
    )
    quartiles = counted.groupBy(*groups).agg(
        F.expr("percentile(value, array(0.25, 0.5, 0.75), times)").alias("quartiles"),
        F.sum("times").alias("values"),
    )
    agree = [F.col(f"each.{name}").eqNullSafe(F.col(f"of_group.{name}")) for name in groups]
    deviations = (
        counted.alias("each")
        .join(quartiles.alias("of_group"), on=agree, how="inner")
        .select("of_group.*", F.abs(F.col("value") - F.col("quartiles")[1]).alias("deviation"), "times")
    )
    return deviations.groupBy(*groups).agg(
        F.min(F.col("quartiles")[1]).alias("median"),
        F.expr("percentile(deviation, 0.5, times)").alias("mad"),
        F.min(F.col("quartiles")[0]).alias("first_quartile"),
        F.min(F.col("quartiles")[2]).alias("third_quartile"),
        F.min("values").alias("values"),
    )


def with_outlier_mark(
    frame: DataFrame, column: str, groups: Sequence[str], limit: float = 3.5, reach: float = 3.0
) -> DataFrame:
    """Add `robust_z` and `is_outlier` of a column by group; null where the value is null.

    Grain as `frame`. `robust_z` is null where the group's deviation is 0; `is_outlier` then goes by fences.
    """
    spread = with_spread(frame, column, groups).alias("spread")
    agree = [F.col(f"frame.{name}").eqNullSafe(F.col(f"spread.{name}")) for name in groups]
    value = F.col(f"frame.{column}").cast("double")
    of_group = {
        name: F.col(f"spread.{name}") for name in ("median", "mad", "first_quartile", "third_quartile")
    }
    return (
        frame.alias("frame")
        .join(spread, on=agree, how="left")
        .select(
            "frame.*",
            robust_z(value, of_group["median"], of_group["mad"]).alias("robust_z"),
            is_outlier(value, of_group, limit, reach).alias("is_outlier"),
        )
    )

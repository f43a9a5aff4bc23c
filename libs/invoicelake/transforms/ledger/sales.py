"""Ledger entries to what was sold each day."""

from __future__ import annotations

from pyspark.sql import DataFrame, functions as F

_OPTIONAL = ("country_code", "customer_id", "stock_code")
_GROUPED = ("source", "entry_date", *_OPTIONAL, "kind", "currency")


def daily_sales(entries: DataFrame) -> DataFrame:
    """The columns of gold.daily_sales; one row per set of values of its key."""
    named = entries.withColumns({name: F.coalesce(name, F.lit("")) for name in _OPTIONAL})
    has_rate = F.count("reporting_amount_minor") == F.count(F.lit(1))
    return named.groupBy(*_GROUPED).agg(
        F.count(F.lit(1)).alias("entries"),
        F.sum("quantity").alias("quantity"),
        F.sum("amount_minor").alias("amount_minor"),
        F.when(has_rate, F.sum("reporting_amount_minor")).alias("reporting_amount_minor"),
        F.count_if(F.col("is_outlier")).alias("outliers"),
        F.count_if(F.col("duplicate_of").isNotNull()).alias("duplicates"),
    )

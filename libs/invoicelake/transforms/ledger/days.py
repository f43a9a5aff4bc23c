"""Which days of the ledger are still to be worked on."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.transforms.ledger.chunks import chunks_of_days

_LINES_AT_A_TIME = 2_000_000


def of_ledger(days: DataFrame, settings: config.Ledger) -> DataFrame:
    """The rows of the ledger whose `delivery_day` lies within the days that are asked for."""
    chosen = days.where(F.col("source") == settings.source_name)
    if settings.since is not None:
        chosen = chosen.where(F.col("delivery_day") >= F.lit(settings.since))
    return chosen if settings.until is None else chosen.where(F.col("delivery_day") <= F.lit(settings.until))


def chunks_to_reconcile(
    cleaned: DataFrame, reconciled: DataFrame, settings: config.Ledger
) -> list[tuple[date, ...]]:
    """Days of silver.ledger_day that were not reconciled as they are now made, or that did not agree.

    These few rows are collected; the chunks are as large as is worked on at a time.
    """
    agreed = reconciled.where(F.col("is_reconciled"))
    done = agreed.select("source", F.col("entry_date").alias("delivery_day"), "made_from")
    left = of_ledger(cleaned, settings).join(
        done, on=["source", "delivery_day", "made_from"], how="left_anti"
    )
    rows = [(row.delivery_day, row.lines) for row in left.select("delivery_day", "lines").collect()]
    return chunks_of_days(rows, _LINES_AT_A_TIME)

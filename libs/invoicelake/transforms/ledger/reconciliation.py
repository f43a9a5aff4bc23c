"""Proof that nothing was lost between the delivered files and the gold tables."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.errors import JobError
from invoicelake.text.amounts import currency_exponent

_DAY = ("source", "entry_date")
_MONEY = "decimal(24,4)"
# What a number looks like in a delivered file; anything else counts as no money, and its line is rejected.
_NUMBER = r"^[+-]?\d+(\.\d+)?$"


def reconciled(
    days: DataFrame,
    deliveries: DataFrame,
    lines: DataFrame,
    entries: DataFrame,
    rejected: DataFrame,
    repairs: DataFrame,
    sales: DataFrame,
    currency: str,
) -> DataFrame:
    """The columns of gold.ledger_reconciliation; one row per day of `days`.

    Args:
        days: of silver.ledger_day; the others are restricted to these days and their source.
        deliveries: of bronze.ledger_delivery.
        lines: of bronze.ledger_line.
        entries: of silver.ledger_entry.
        rejected: of silver.ledger_entry_rejected.
        repairs: of silver.repair, for entries.
        sales: of gold.daily_sales.
        currency: of the ledger; its minor units are what `amount_minor` counts.
    """
    parts = [
        _of_deliveries(deliveries),
        _of_lines(lines),
        _of_entries(entries, repairs),
        _of_rejected(rejected),
        _of_sales(sales),
    ]
    known = days.select("source", F.col("delivery_day").alias("entry_date"), "made_from")
    joined = reduce(lambda left, right: left.join(right, on=list(_DAY), how="left"), parts, known)
    filled = joined.fillna(0)
    minor = F.lit(10 ** currency_exponent(currency)).cast("decimal(6,0)")
    rounding = F.col("accepted_amount_minor") / minor - F.col("accepted_amount") - F.col("repaired_amount")
    return filled.withColumn("rounding", rounding.cast(_MONEY)).select(
        *_DAY,
        "source_lines",
        "accepted_lines",
        (F.col("malformed_lines") + F.col("unusable_lines")).alias("rejected_lines"),
        "gold_lines",
        "source_amount",
        "accepted_amount",
        "rejected_amount",
        "repaired_amount",
        "accepted_amount_minor",
        "gold_amount_minor",
        "rounding",
        _agrees(minor).alias("is_reconciled"),
        "made_from",
    )


def _agrees(minor: Column) -> Column:
    """Lines and money at every step; rounding an entry changes it by half a minor unit at most."""
    lines = F.col("source_lines") == (
        F.col("accepted_lines") + F.col("malformed_lines") + F.col("unusable_lines")
    )
    money = F.col("source_amount") == F.col("accepted_amount") + F.col("rejected_amount")
    gold = (F.col("gold_lines") == F.col("accepted_lines")) & (
        F.col("gold_amount_minor") == F.col("accepted_amount_minor")
    )
    is_rounding = F.abs("rounding") * minor * 2 <= F.col("accepted_lines")
    return lines & money & gold & is_rounding


def _of_deliveries(deliveries: DataFrame) -> DataFrame:
    return deliveries.select(
        "source",
        F.col("delivery_day").alias("entry_date"),
        F.col("lines").alias("source_lines"),
        F.col("rejected").alias("malformed_lines"),
    )


def _of_lines(lines: DataFrame) -> DataFrame:
    """Money as delivered: read here once more, apart from the reading that cleaning does.

    Rounded line by line, as the amounts of rejected lines are.
    """
    amount = (_number("quantity") * _number("unit_price")).cast(_MONEY)
    return _summed(lines, "delivery_day", {"source_amount": amount})


def _number(name: str) -> Column:
    text = F.trim(name)
    return F.when(text.rlike(_NUMBER), text.cast("decimal(18,4)"))


def _of_entries(entries: DataFrame, repairs: DataFrame) -> DataFrame:
    """Money of accepted lines before repairs, so that a repair of quantity or price shows by itself."""
    before = (
        repairs.where(F.col("column_name").isin("quantity", "unit_price"))
        .groupBy("source", F.col("row_key").alias("entry_id"))
        .pivot("column_name", ["quantity", "unit_price"])
        .agg(F.first("before"))
        .select(
            "source",
            "entry_id",
            F.col("quantity").cast("decimal(18,4)").alias("quantity_before"),
            F.col("unit_price").cast("decimal(18,4)").alias("unit_price_before"),
        )
    )
    after = F.col("quantity").cast("decimal(18,0)") * F.col("unit_price")
    quantity = F.coalesce("quantity_before", F.col("quantity").cast("decimal(18,4)"))
    delivered = (quantity * F.coalesce("unit_price_before", "unit_price")).cast(_MONEY)
    joined = entries.join(F.broadcast(before), on=["source", "entry_id"], how="left")
    return joined.groupBy(*_DAY).agg(
        F.count(F.lit(1)).alias("accepted_lines"),
        F.sum(delivered).cast(_MONEY).alias("accepted_amount"),
        F.sum(after - delivered).cast(_MONEY).alias("repaired_amount"),
        F.sum("amount_minor").alias("accepted_amount_minor"),
    )


def _of_rejected(rejected: DataFrame) -> DataFrame:
    return _summed(
        rejected,
        "delivery_day",
        {"rejected_amount": F.col("amount")},
        F.count(F.lit(1)).alias("unusable_lines"),
    )


def _of_sales(sales: DataFrame) -> DataFrame:
    return sales.groupBy(*_DAY).agg(
        F.sum("entries").alias("gold_lines"), F.sum("amount_minor").alias("gold_amount_minor")
    )


def _summed(frame: DataFrame, day: str, amounts: dict[str, Column], *others: Column) -> DataFrame:
    sums = [F.coalesce(F.sum(amount), F.lit(0)).cast(_MONEY).alias(name) for name, amount in amounts.items()]
    return frame.groupBy("source", F.col(day).alias("entry_date")).agg(*sums, *others)


def require_reconciled(result: DataFrame, location: str) -> dict[str, float | str]:
    """What was proved, in numbers.

    Args:
        result: rows of gold.ledger_reconciliation.
        location: where they lie, for the message.

    Raises:
        JobError: a day does not agree.
    """
    lost = F.col("source_lines") - F.col("accepted_lines") - F.col("rejected_lines")
    lost_amount = F.col("source_amount") - F.col("accepted_amount") - F.col("rejected_amount")
    found = result.agg(
        F.count(F.lit(1)).alias("days"),
        F.coalesce(F.sum("source_lines"), F.lit(0)).alias("source_lines"),
        F.coalesce(F.sum(lost), F.lit(0)).alias("lost_lines"),
        F.coalesce(F.sum("source_amount"), F.lit(0)).cast("string").alias("source_amount"),
        F.coalesce(F.sum(lost_amount), F.lit(0)).cast("string").alias("lost_amount"),
        F.count_if(~F.col("is_reconciled")).alias("days_not_reconciled"),
        F.min(F.when(~F.col("is_reconciled"), F.col("entry_date"))).alias("first"),
    ).first()
    assert found is not None
    if found["days_not_reconciled"]:
        raise JobError(
            f"{found['days_not_reconciled']} of {found['days']} days do not reconcile, the first is "
            f"{found['first']}; see {location} for where they differ, and run daily_ledger for these days"
        )
    return {name: value for name, value in found.asDict().items() if name != "first"}

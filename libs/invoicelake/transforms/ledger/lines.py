"""Delivered ledger lines, every column read for what it is, none of it repaired yet."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.transforms.ledger.numbers import read_number, read_time

DELIVERED = (
    "invoice_number",
    "stock_code",
    "description",
    "quantity",
    "booked_at",
    "unit_price",
    "customer_id",
    "country",
)


def read_lines(lines: DataFrame) -> DataFrame:
    """Read the columns of bronze.ledger_line; one row per line.

    Returns:
        The key; `delivered`, a struct of the texts; and each of them read: trimmed, codes in upper case,
        numbers as decimal(18,4), `booked_at` as timestamp. Null where nothing is given or it cannot be read.
    """
    return lines.select(
        "source",
        "delivery_day",
        "line_number",
        F.struct(*DELIVERED).alias("delivered"),
        F.upper(_tidy("invoice_number")).alias("invoice_number"),
        F.upper(_tidy("stock_code")).alias("stock_code"),
        _tidy("description").alias("description"),
        read_number(F.col("quantity")).alias("quantity"),
        read_time(F.col("booked_at")).alias("booked_at"),
        read_number(F.col("unit_price")).alias("unit_price"),
        # Where a column of numbers has gaps, spreadsheets and data frames write 17850 as 17850.0.
        F.regexp_replace(_tidy("customer_id"), r"\.0+$", "").alias("customer_id"),
        _tidy("country").alias("country"),
    )


def _tidy(name: str) -> Column:
    """A text without white space around it and with single spaces in it; null where nothing is left."""
    squeezed = F.trim(F.regexp_replace(F.col(name), r"[\s\u00a0]+", " "))
    return F.when(squeezed != "", squeezed)

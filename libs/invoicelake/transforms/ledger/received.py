"""Delivered files to the bronze tables of the ledger."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.transforms.ledger.lines import DELIVERED


def undelivered(found: DataFrame, delivered: DataFrame, source: str) -> DataFrame:
    """The fingerprints of files that were not taken in yet, or not with this content; one row per day."""
    known = delivered.where(F.col("source") == source).select("delivery_day", "delivery_sha256")
    return found.join(known, on=["delivery_day", "delivery_sha256"], how="left_anti")


def accepted_lines(parsed: DataFrame, source: str) -> DataFrame:
    """The columns of bronze.ledger_line; one row per data line that has the form of one."""
    return parsed.where(_is_accepted()).select(
        F.lit(source).alias("source"), "delivery_day", "line_number", *DELIVERED, "source_uri"
    )


def rejected_lines(parsed: DataFrame, source: str) -> DataFrame:
    """The columns of bronze.ledger_line_rejected; one row per rejected line, or file (line 0)."""
    return parsed.where(F.col("reason").isNotNull()).select(
        F.lit(source).alias("source"),
        "delivery_day",
        "line_number",
        "reason",
        "detail",
        "content",
        "source_uri",
    )


def deliveries(files: DataFrame, parsed: DataFrame, source: str) -> DataFrame:
    """The columns of bronze.ledger_delivery; one row per file.

    Args:
        files: fingerprints, with `size_bytes`.
        parsed: the lines of these files.
    """
    is_rejected_line = F.col("reason").isNotNull() & (F.col("line_number") > 0)
    counts = parsed.groupBy("delivery_day").agg(
        F.count_if(_is_accepted()).alias("accepted"),
        F.count_if(is_rejected_line).alias("rejected"),
        F.max("extra_columns").alias("extra_columns"),
    )
    return files.join(counts, on="delivery_day", how="left").select(
        F.lit(source).alias("source"),
        "delivery_day",
        "delivery_sha256",
        "size_bytes",
        "lines",
        F.coalesce("accepted", F.lit(0)).alias("accepted"),
        F.coalesce("rejected", F.lit(0)).alias("rejected"),
        "extra_columns",
        "source_uri",
    )


def _is_accepted() -> Column:
    return F.col("reason").isNull() & (F.col("line_number") > 0)

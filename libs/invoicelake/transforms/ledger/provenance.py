"""What days of the ledger are made from, so that a day is cleaned again when any of it has changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake import config
from invoicelake.transforms.ledger.chunks import digest
from invoicelake.transforms.ledger.rules import version_of_rules


def made_from(
    deliveries: Mapping[date, str], profiles: str, rates: Mapping[date, str], suite: config.Suite
) -> dict[date, str]:
    """The digest of silver.ledger_day by day: delivery, rules, profiles, settings, and the rates of the day.

    Args:
        deliveries: `delivery_sha256` by day.
        profiles: from `content_digest`.
        rates: from `rates_by_day`.
    """
    # How much is done at once changes no row.
    settings = suite.cleaning.model_dump_json(exclude={"lines_at_a_time"})
    currencies = f"{suite.ledger.currency} {suite.rates.reporting_currency}"
    same = (version_of_rules(), profiles, settings, currencies)
    return {day: digest(sha256, *same, rates.get(day, "")) for day, sha256 in deliveries.items()}


def content_digest(frames: Sequence[DataFrame], stamps: Sequence[str]) -> str:
    """A digest of tables' rows, whatever their order; these few rows' hashes are combined, not collected.

    Args:
        stamps: columns that are left out.
    """
    parts = []
    for number, frame in enumerate(frames):
        # xxhash64 knows no maps, and there are none; rows are unique in their key, so that no two cancel out.
        row = F.xxhash64(*(name for name in frame.columns if name not in stamps))
        combined = frame.agg(F.count(F.lit(1)).alias("rows"), F.bit_xor(row).alias("hash"))
        parts.append(combined.select(F.lit(number).alias("number"), "rows", "hash"))
    # A union runs them side by side as one job.
    found = reduce(lambda one, other: one.unionByName(other), parts).collect()
    return digest(*(str((row["rows"], row["hash"])) for row in sorted(found)))


def rates_by_day(rates: DataFrame, currencies: Sequence[str], days: Sequence[date]) -> dict[date, str]:
    """The rates of these currencies, as text, by day; days without any are left out."""
    if not days:
        return {}
    near = F.col("rate_day").between(F.lit(min(days)), F.lit(max(days)))
    rows = rates.where(near & F.col("currency").isin(*currencies)).collect()
    found: dict[date, list[str]] = defaultdict(list)
    for row in rows:
        found[row.rate_day].append(f"{row.currency} {row.per_euro} {row.quoted_on}")
    return {day: "; ".join(sorted(texts)) for day, texts in found.items()}


def days_without_rate(
    rates: Mapping[date, str], currencies: Sequence[str], days: Sequence[date]
) -> list[date]:
    """The days on which an amount cannot be converted between these currencies, in order.

    Args:
        rates: from `rates_by_day`, of the same currencies.
    """
    wanted = set(currencies)
    if len(wanted) < 2:
        return []
    known = {day: {each.split()[0] for each in text.split("; ")} for day, text in rates.items()}
    return sorted(day for day in days if not wanted <= known.get(day, set()))


def as_frame(spark: SparkSession, source: str, made_from: Mapping[date, str]) -> DataFrame:
    """`source`, `delivery_day` and `made_from`, one row per day."""
    rows = [(source, day, each) for day, each in sorted(made_from.items())]
    return spark.createDataFrame(rows, "source string, delivery_day date, made_from string")

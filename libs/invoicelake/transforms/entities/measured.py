"""How well entities were matched, where the truth is known."""

from __future__ import annotations

from pyspark.sql import DataFrame, functions as F


def agreement(found: DataFrame, truth: DataFrame) -> DataFrame:
    """One row: of the pairs of records whose entity is known, how many are true, found, and both.

    Args:
        found: silver.party.
        truth: `kind`, `record_id` and `entity` of records of the master data.
    """
    known = found.where(F.col("source") == "master").join(truth, on=["kind", "record_id"], how="inner")
    counts = []
    for name, group in {
        "found": ["kind", "entity_id"],
        "true": ["kind", "entity"],
        "both": ["kind", "entity_id", "entity"],
    }.items():
        sizes = known.groupBy(*group).agg(F.count(F.lit(1)).alias("size"))
        pairs = F.sum(F.col("size") * (F.col("size") - 1) / 2).cast("bigint")
        counts.append(sizes.agg(pairs.alias(name)))
    return counts[0].crossJoin(counts[1]).crossJoin(counts[2])


def pair_scores(counts: DataFrame) -> dict[str, float | str]:
    """Precision and recall: the shares of the found and of the true pairs of `agreement` that are both."""
    found = counts.collect()[0]
    return {
        "matching_precision": round(found["both"] / max(1, found["found"]), 4),
        "matching_recall": round(found["both"] / max(1, found["true"]), 4),
    }

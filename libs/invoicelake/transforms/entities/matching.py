"""Records of suppliers and customers to entities, with the pairs that were matched and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd
from pyspark.sql import Column, DataFrame, Window, functions as F

from invoicelake.transforms.arrow import Row, map_rows
from invoicelake.transforms.entities.clusters import Pair, entities
from invoicelake.transforms.entities.records import SOURCES
from invoicelake.transforms.entities.weights import blocking_keys, compared, probability

_KNOWN = ("name", "address", "country_code", "tax_number", "iban")
_WHY = "array<struct<comparison: string, outcome: string, weight: double>>"
_PAIR = (
    "kind string, left_rank int, left_id string, right_rank int, right_id string, probability double, "
    f"why {_WHY}, is_left_known boolean, is_right_known boolean"
)
_MEMBER = "kind string, rank int, record_id string, first_rank int, first_id string"


def scored_pairs(records: DataFrame, review_from: float, max_block: int) -> DataFrame:
    """Compare records of one kind that share a key; one row per pair that may be one entity.

    Args:
        records: as from `supplier_records`.
        review_from: pairs that are less probable are left out.
        max_block: keys that more records share are too common to tell anything.
    """
    sides = _candidates(records, max_block)
    for side in ("left", "right"):
        of_side = records.select(
            "kind",
            F.col("rank").alias(f"{side}_rank"),
            F.col("record_id").alias(f"{side}_id"),
            F.struct(*_KNOWN).alias(side),
        )
        sides = sides.join(of_side, on=["kind", f"{side}_rank", f"{side}_id"], how="inner")

    def judge(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            why = compared(row["left"], row["right"])
            yield {
                **row,
                "probability": probability(why),
                "why": [each._asdict() for each in why],
                "is_left_known": _is_known(row["left"]),
                "is_right_known": _is_known(row["right"]),
            }

    return map_rows(sides, judge, _PAIR).where(F.col("probability") >= review_from)


def members(pairs: DataFrame, matched_from: float) -> DataFrame:
    """Which entity each record belongs to that was matched with another; one row per such record.

    Args:
        pairs: as from `scored_pairs`; those of one kind must fit into the memory of one worker.
    """

    def gather(group: pd.DataFrame) -> pd.DataFrame:
        pairs = (
            Pair((row.left_rank, row.left_id), (row.right_rank, row.right_id), *row[5:])
            for row in group.itertuples(index=False)
        )
        kind = group["kind"].iloc[0]
        found = [(kind, *key, *first) for key, first in entities(pairs, matched_from).items()]
        return pd.DataFrame(found, columns=[column.split()[0] for column in _MEMBER.split(", ")])

    flat = pairs.select(
        "kind",
        "left_rank",
        "left_id",
        "right_rank",
        "right_id",
        "probability",
        "is_left_known",
        "is_right_known",
    )
    return flat.groupBy("kind").applyInPandas(gather, _MEMBER)


def parties(records: DataFrame, found: DataFrame) -> DataFrame:
    """The columns of silver.party; one row per record.

    Args:
        found: as from `members`; a record that is not in it is an entity by itself.
    """
    joined = records.join(found, on=["kind", "rank", "record_id"], how="left")
    return joined.select(
        "kind",
        _source("rank").alias("source"),
        "record_id",
        "name",
        "address",
        "country_code",
        "tax_number",
        _entity("first_rank", "first_id", "rank", "record_id").alias("entity_id"),
    )


def matches(pairs: DataFrame, found: DataFrame, matched_from: float) -> DataFrame:
    """The columns of silver.entity_match; one row per pair."""
    sides = pairs
    for side in ("left", "right"):
        of_side = found.select(
            "kind",
            F.col("rank").alias(f"{side}_rank"),
            F.col("record_id").alias(f"{side}_id"),
            F.col("first_rank").alias(f"{side}_first_rank"),
            F.col("first_id").alias(f"{side}_first_id"),
        )
        sides = sides.join(of_side, on=["kind", f"{side}_rank", f"{side}_id"], how="left")
    left, right = [
        _entity(f"{side}_first_rank", f"{side}_first_id", f"{side}_rank", f"{side}_id")
        for side in ("left", "right")
    ]
    is_matched = (left == right) & (F.col("probability") >= matched_from)
    return sides.select(
        "kind",
        _source("left_rank").alias("left_source"),
        "left_id",
        _source("right_rank").alias("right_source"),
        "right_id",
        left.alias("entity_id"),
        "probability",
        F.when(is_matched, "matched").otherwise("review").alias("decision"),
        "why",
    )


def _candidates(records: DataFrame, max_block: int) -> DataFrame:
    """Pairs of records that share a key, each once, the one of the lower rank and id on the left."""

    def with_keys(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            yield {**row, "keys": blocking_keys(row)}

    keyed = map_rows(
        records.select("kind", "rank", "record_id", *_KNOWN),
        with_keys,
        "kind string, rank int, record_id string, keys array<string>",
    )
    exploded = keyed.select("kind", "rank", "record_id", F.explode("keys").alias("key"))
    in_block = Window.partitionBy("kind", "key")
    blocks = exploded.select("*", F.count(F.lit(1)).over(in_block).alias("size")).where(
        F.col("size").between(2, max_block)
    )
    left = blocks.select("kind", "key", F.col("rank").alias("left_rank"), F.col("record_id").alias("left_id"))
    right = blocks.select(
        "kind", "key", F.col("rank").alias("right_rank"), F.col("record_id").alias("right_id")
    )
    places = [
        F.struct(F.col(f"{side}_rank").alias("rank"), F.col(f"{side}_id").alias("id"))
        for side in ("left", "right")
    ]
    both = left.join(right, on=["kind", "key"], how="inner").where(places[0] < places[1])
    return both.select("kind", "left_rank", "left_id", "right_rank", "right_id").distinct()


def _is_known(record: Row) -> bool:
    return any(record[name] for name in ("address", "tax_number", "iban"))


def _source(rank: str) -> Column:
    return F.element_at(F.array(*map(F.lit, SOURCES)), F.col(rank) + 1)


def _entity(first_rank: str, first_id: str, rank: str, record_id: str) -> Column:
    """`supplier/master/S10001`; a record that was matched with none is the first of its own."""
    has_first = F.col(first_id).isNotNull()
    source = F.when(has_first, _source(first_rank)).otherwise(_source(rank))
    return F.concat_ws("/", F.col("kind"), source, F.coalesce(first_id, record_id))

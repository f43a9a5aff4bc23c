"""Products under several codes: descriptions that say the same but for spelling and the order of words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pyspark.sql import DataFrame, SparkSession, Window, functions as F

from invoicelake.transforms.analytics.sampling import KEY, MEASURES

_WORD = re.compile(r"[A-Z0-9]+")
_LETTERS = 5

# source, stock code, description, entries
Product = tuple[str, str, str, int]
# source, stock code, code that stands for it, similarity
Twin = tuple[str, str, str, float]


def described_products(entries: DataFrame) -> DataFrame:
    """Source, stock code, description and entries; one row per source and stock code that was sold.

    The description is the most frequent one in sales, the first by alphabet of equals; on stock adjustments
    clerks write remarks instead. Codes without one are left out.

    Args:
        entries: silver.ledger_entry.
    """
    is_named = F.col("stock_code").isNotNull() & F.col("description").isNotNull()
    named = entries.where(is_named & (F.col("kind") == "sale"))
    counted = named.groupBy("source", "stock_code", "description").agg(F.count("*").alias("times"))
    by_code = Window.partitionBy("source", "stock_code")
    ranked = counted.select(
        "*",
        F.row_number().over(by_code.orderBy(F.desc("times"), "description")).alias("rank"),
        F.sum("times").over(by_code).alias("entries"),
    )
    return ranked.where("rank = 1").select("source", "stock_code", "description", "entries")


def near_duplicates(products: Iterable[Product], least_similarity: float) -> list[Twin]:
    """Codes whose description nearly repeats that of a code with more entries, which then stands for it.

    Two descriptions are near duplicates if they have the same words in any order, but for words of five
    letters or more, which may be alike: they begin with the same two letters, and their similarity
    (rapidfuzz's ratio: twice the letters in common over all letters) reaches `least_similarity`.
    Numbers and short words, colours most of all, must be the same: a set of 3 is no set of 6. A code that
    stands for others is not itself replaced.
    """
    by_source: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        by_source[product[0]].append(product)
    return [twin for _, listed in sorted(by_source.items()) for twin in _twins(listed, least_similarity)]


def merged_products(daily_sales: DataFrame, twins: DataFrame) -> DataFrame:
    """`daily_sales` with each near duplicate's code replaced by the one that stands for it, and added up.

    Args:
        twins: source, stock_code, unique, and kept_stock_code.
    """
    known = F.broadcast(twins.select("source", "stock_code", "kept_stock_code"))
    joined = daily_sales.join(known, on=["source", "stock_code"], how="left")
    code = F.coalesce("kept_stock_code", "stock_code").alias("stock_code")
    keys = [code if name == "stock_code" else F.col(name) for name in KEY]
    return joined.groupBy(*keys).agg(*(F.sum(name).alias(name) for name in MEASURES)).select(*KEY, *MEASURES)


def near_duplicate_rows(spark: SparkSession, products: Iterable[Product], twins: Iterable[Twin]) -> DataFrame:
    """The columns of gold.product_near_duplicate; one row per replaced code."""
    described = {(source, code): description for source, code, description, _ in products}
    rows = [
        (source, code, kept, described[source, code], described[source, kept], similarity)
        for source, code, kept, similarity in twins
    ]
    ddl = (
        "source string, stock_code string, kept_stock_code string, description string, "
        "kept_description string, similarity double"
    )
    return spark.createDataFrame(rows, ddl)


def _twins(products: Sequence[Product], least: float) -> Iterator[Twin]:
    kept: dict[tuple[str, ...], list[tuple[str, list[str]]]] = defaultdict(list)
    for source, code, description, _ in sorted(products, key=lambda each: (-each[3], each[1])):
        words = sorted(_WORD.findall(description.upper()))
        scores = [(_similarity(words, other), other_code) for other_code, other in kept[_block(words)]]
        best = max(scores, key=lambda each: each[0], default=(0.0, ""))
        if best[0] >= least and words:
            yield source, code, best[1], best[0]
        else:
            kept[_block(words)].append((code, words))


def _block(words: Sequence[str]) -> tuple[str, ...]:
    """What near duplicates have in common: short words and numbers whole, of long words the beginning."""
    return tuple(sorted(word[:2] + "~" if _is_long(word) else word for word in words))


def _similarity(words: Sequence[str], others: Sequence[str]) -> float:
    """The least similarity of the words in order, 0 to 1; both have the same block."""
    from rapidfuzz import fuzz

    return min((fuzz.ratio(*pair) / 100 for pair in zip(words, others, strict=True)), default=0.0)


def _is_long(word: str) -> bool:
    return len(word) >= _LETTERS and word.isalpha()


def listed(products: DataFrame) -> list[Product]:
    """The products, collected: a catalogue has thousands, and each is compared with its block alone."""
    return [
        (row["source"], row["stock_code"], row["description"], row["entries"]) for row in products.collect()
    ]

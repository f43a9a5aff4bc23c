"""How well cleaning finds errors that were put into clean lines, and how much else it changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.evaluation.corruption import Injected, Line, corrupt
from invoicelake.transforms.ledger.cleaning import judge_lines
from invoicelake.transforms.ledger.lines import DELIVERED, read_lines
from invoicelake.transforms.ledger.parties import names_of_countries
from invoicelake.transforms.ledger.profiles import customer_profiles, product_profiles

if TYPE_CHECKING:
    from pyspark.sql import Row

_KEY = ("source", "delivery_day", "line_number")
_LINE = "source string, delivery_day date, line_number int, " + ", ".join(f"{n} string" for n in DELIVERED)
_ERROR = (
    "kind string, what string, delivery_day date, line_number int, columns array<string>, truth array<string>"
)


def corruption_scores(
    lines: DataFrame, suite: config.Suite, share: float, min_sales: int
) -> dict[str, float | str]:
    """Corrupt what is clean in a ledger, clean it, and count.

    What is usual is fitted to the corrupted lines, as it would be in earnest.

    Args:
        lines: bronze.ledger_line of one source.
        share: of the clean lines that get an error, for each kind.
        min_sales: lines of products with fewer sales are left out.

    Returns:
        By kind of error (`_found_share`: marked, repaired or rejected; `_restored_share`: repaired to what it
        was) and for the whole; `clean_cells_changed_share` of the cells without an error, and
        `clean_lines_marked_share` of the lines without one.
    """
    clean = _rows(_clean_sales(lines, suite, min_sales))
    made, injected = corrupt(clean, share, suite.seed)
    spark = lines.sparkSession
    errors = spark.createDataFrame(
        [(e.kind, e.what, e.delivery_day, e.line_number, e.columns, e.truth) for e in injected], _ERROR
    )
    corrupted = spark.createDataFrame(_frame(made), _LINE)
    with _kept(corrupted), _judged(corrupted, suite) as judged:
        rows = _counts(judged, errors).collect()
    return _scores(rows, made, injected)


def _clean_sales(lines: DataFrame, suite: config.Suite, min_sales: int) -> DataFrame:
    """Lines that sell goods and that no rule speaks of, their values as cleaning writes them."""
    with _judged(lines, suite) as judged:
        is_plain = (F.col("kind") == "sale") & ~F.col("is_outlier") & F.col("duplicate_of").isNull()
        is_clean = F.col("reason").isNull() & (F.size("repairs") == 0) & is_plain
        clean = judged.where(is_clean & F.col("description").isNotNull() & F.col("country").isNotNull())
        often = clean.groupBy("stock_code").count().where(F.col("count") >= min_sales).select("stock_code")
        values = {name: F.col(name).cast("string") for name in DELIVERED}
        values["booked_at"] = F.date_format("booked_at", "yyyy-MM-dd HH:mm:ss")
        chosen = clean.join(often, on="stock_code", how="left_semi")
        return chosen.select(*_KEY, *(value.alias(name) for name, value in values.items())).localCheckpoint()


@contextmanager
def _judged(lines: DataFrame, suite: config.Suite) -> Iterator[DataFrame]:
    """Lines judged by profiles that are fitted to themselves."""
    read = read_lines(lines)
    products, customers = product_profiles(read, suite.cleaning), customer_profiles(read)
    with _kept(products), _kept(customers):
        names = names_of_countries(lines, customers, suite.cleaning)
        judged = judge_lines(lines, products, customers, names, suite.cleaning, suite.ledger.currency)
        with _kept(judged):
            yield judged


@contextmanager
def _kept(frame: DataFrame) -> Iterator[DataFrame]:
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()


def _rows(frame: DataFrame) -> list[Line]:
    # Through Arrow; row by row it would take a minute for half a million.
    whole: Any = frame.toPandas()  # pandas has no types here
    found = whole.astype(object)
    records: list[Line] = found.where(found.notna(), None).to_dict("records")
    return records


def _frame(lines: Sequence[Line]) -> Any:
    import pandas as pd

    return pd.DataFrame(lines)[[*_KEY, *DELIVERED]]


def _counts(judged: DataFrame, errors: DataFrame) -> DataFrame:
    """Lines and cells by kind of error; `kind` null: those without one."""
    named = errors.withColumnRenamed("kind", "kind_of_error")
    joined = judged.join(F.broadcast(named), on=["delivery_day", "line_number"], how="left")
    is_rejected = F.col("reason").isNotNull()
    is_repeat = F.col("duplicate_of").isNotNull()
    has_error = F.col("kind_of_error").isNotNull()
    is_copy = F.col("kind_of_error") == "duplicate"
    columns = F.coalesce("columns", F.array().cast("array<string>"))
    hit = F.filter("repairs", lambda each: F.array_contains(columns, each["column_name"]))
    found = F.when(is_copy, is_repeat | is_rejected).otherwise(
        is_rejected | F.col("is_outlier") | (F.size(hit) > 0)
    )
    truth = F.map_from_arrays(columns, F.coalesce("truth", F.array().cast("array<string>")))
    restored = F.filter(hit, lambda each: truth[each["column_name"]] == each["after"])
    is_restored = (F.size(columns) > 0) & (F.size(restored) == F.size(columns))
    return (
        joined.groupBy("kind_of_error", "what")
        .agg(
            F.count(F.lit(1)).alias("lines"),
            F.count_if(has_error & found).alias("found"),
            F.count_if(has_error & is_restored).alias("restored"),
            # What is repaired in a near duplicate was put there with it.
            F.sum(F.when(is_copy, 0).otherwise(F.size("repairs") - F.size(hit))).alias("other_cells_changed"),
            F.count_if(is_rejected | is_repeat | F.col("is_outlier")).alias("marked"),
        )
        .orderBy("kind_of_error", "what")
    )


def _scores(rows: list[Row], made: list[Line], injected: list[Injected]) -> dict[str, float | str]:
    scores: dict[str, float | str] = {"lines": len(made), "errors": len(injected)}
    kinds = sorted({row.kind_of_error for row in rows if row.kind_of_error})
    groups = {kind: [row for row in rows if row.kind_of_error == kind] for kind in kinds}
    groups |= {f"{row.kind_of_error} of {row.what}": [row] for row in rows if row.kind_of_error}
    groups["all"] = [row for row in rows if row.kind_of_error]
    for name, group in groups.items():
        lines = sum(row.lines for row in group)
        scores[f"{name}_found_share"] = round(sum(row.found for row in group) / lines, 4)
        scores[f"{name}_restored_share"] = round(sum(row.restored for row in group) / lines, 4)
    cells = len(made) * len(DELIVERED) - sum(len(error.columns) for error in injected)
    clean = [row for row in rows if row.kind_of_error is None]
    scores["clean_cells_changed_share"] = round(sum(row.other_cells_changed for row in rows) / cells, 5)
    lines = sum(row.lines for row in clean)
    scores["clean_lines_marked_share"] = round(sum(row.marked for row in clean) / lines, 5)
    return scores

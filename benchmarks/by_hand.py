"""The ledger in one Spark job as it would be written by hand: read, transform, overwrite."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import DataFrame, Window, functions as F

from invoicelake.job import Run
from invoicelake.sources.ledger.parsing import COLUMNS
from invoicelake.sources.rates import quotes_file, read_quotes
from invoicelake.transforms.ledger import cleaning
from invoicelake.transforms.ledger.cancellations import cancellations
from invoicelake.transforms.ledger.lines import read_lines
from invoicelake.transforms.ledger.parties import names_of_countries
from invoicelake.transforms.ledger.profiles import customer_profiles, product_profiles
from invoicelake.transforms.ledger.sales import daily_sales
from invoicelake.transforms.rates import daily_rates


def run_job(run: Run, files: Path, lake: Path) -> dict[str, tuple[int, int]]:
    """Entries and amount in minor units by kind."""
    suite = run.suite

    def written(name: str, frame: DataFrame) -> DataFrame:
        frame.write.format("delta").mode("overwrite").save(f"{lake}/{name}")
        return run.spark.read.format("delta").load(f"{lake}/{name}")

    lines = written("line", _lines(run, files))
    quotes = read_quotes(run.spark, quotes_file(run.spark, None))
    rates = written("rate", daily_rates(quotes, suite.rates.max_age_days))
    read = read_lines(lines)
    customers = written("customer", customer_profiles(read))
    products = written("product", product_profiles(read, suite.cleaning))
    names = names_of_countries(lines, customers, suite.cleaning)
    judged = cleaning.judge_lines(lines, products, customers, names, suite.cleaning, suite.ledger.currency)
    judged.persist()
    entries = written("entry", cleaning.accepted_entries(judged, rates, suite.rates.reporting_currency))
    written("rejected", cleaning.rejected_lines(judged))
    written("repair", cleaning.repaired_cells(judged))
    judged.unpersist()
    first = entries.agg(F.min("entry_date")).collect()[0][0]
    none = run.lake.read_or_empty("silver.cancellation").limit(0)
    written("cancellation", cancellations(entries, none, suite.ledger.cancellation_window_days, first))
    sales = written("sales", daily_sales(entries))
    rows = sales.groupBy("kind").agg({"entries": "sum", "amount_minor": "sum"}).collect()
    return {row["kind"]: (int(row["sum(entries)"]), int(row["sum(amount_minor)"])) for row in rows}


def _lines(run: Run, files: Path) -> DataFrame:
    delivered = run.spark.read.csv(f"{files}/*.csv", header=True, escape='"').select(
        F.regexp_extract(F.input_file_name(), r"(\d{4}-\d{2}-\d{2})\.csv", 1)
        .cast("date")
        .alias("delivery_day"),
        F.input_file_name().alias("source_uri"),
        F.monotonically_increasing_id().alias("row"),
        *(F.col(name).alias(column) for name, column in COLUMNS.items()),
    )
    in_order = Window.partitionBy("delivery_day").orderBy("row")
    return delivered.select(
        F.lit(run.suite.ledger.source_name).alias("source"),
        (F.row_number().over(in_order) + 1).alias("line_number"),
        *(name for name in delivered.columns if name != "row"),
    )

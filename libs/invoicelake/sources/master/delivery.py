"""One table of the master data as received, whatever it is received from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession, Window, functions as F

from invoicelake import config
from invoicelake.sources.generated.trade.master_files import master_files, true_entities
from invoicelake.sources.landing import landing_folder
from invoicelake.sources.master.files import read_table_file
from invoicelake.sources.master.jdbc import Database, materialised
from invoicelake.table_spec import TableSpec
from invoicelake.tables import Lake

TABLES = ("country", "supplier", "customer", "product")
_OURS = ("source", "row_id", "updated_at", "damaged")


class Delivery(NamedTuple):
    """Rows in the columns of a bronze table, and whether they are all there are."""

    rows: DataFrame
    is_complete: bool


@contextmanager
def taken_in(
    spark: SparkSession, suite: config.Suite, spec: TableSpec, landing: str, since: datetime | None
) -> Iterator[Delivery]:
    """The rows of one table; those of a database are all fetched before the first is handed over.

    Args:
        spec: of the bronze table; its columns are those of the source, and the table's name is the same.
        landing: folder for files that are generated.
        since: newest `updated_at` that was taken in before; None: none was, so all is read.

    Raises:
        JobError: files or database cannot be read, or lack a column.
    """
    columns = source_columns(spec)
    if suite.master.format == "jdbc":
        database = Database.of(suite.master)
        found = database.rows(spark, spec.name, columns, since)
        with materialised(found, database, spec.name):
            yield Delivery(_identified(found, suite.master.source_name, columns), since is None)
    else:
        path = suite.master.path if suite.master.format == "files" else None
        folder = landing_folder(path, "master.path", landing, lambda: master_files(suite))
        found = read_table_file(spark, f"{folder}/{spec.name}.csv", columns)
        yield Delivery(_identified(found, suite.master.source_name, columns), True)


def watermark(lake: Lake, name: str, source: str) -> datetime | None:
    """The newest `updated_at` of a source in a bronze table, UTC; None where there is none."""
    known = lake.read_or_empty(name).where(F.col("source") == source)
    # As a number, for a time stamp would come back in the time zone of this machine.
    newest = known.agg(F.unix_micros(F.max("updated_at")).alias("micros")).first()
    assert newest is not None
    micros = newest["micros"]
    return None if micros is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)


def true_records(spark: SparkSession, suite: config.Suite) -> DataFrame:
    """Who is who in the generated master data: `kind`, `record_id`, `entity`."""
    rows = [(kind, number, entity) for (kind, number), entity in true_entities(suite).items()]
    return spark.createDataFrame(rows, "kind string, record_id string, entity string")


def source_columns(spec: TableSpec) -> list[str]:
    """The columns that the source has, besides `id` and `updated_at`."""
    return [name for name in spec.written if name not in _OURS]


def _identified(rows: DataFrame, source: str, columns: list[str]) -> DataFrame:
    """Add `source` and `row_id`; of several rows with one id, the newest keeps it as it is."""
    content = F.sha2(F.to_json(F.struct("updated_at", "damaged", *columns)), 256)
    marked = rows.select("*", F.nullif(F.trim("id"), F.lit("")).alias("given"), content.alias("content"))
    same_id = Window.partitionBy("given").orderBy(F.col("updated_at").desc_nulls_last(), "content")
    same_row = Window.partitionBy("given", "content").orderBy("content")
    placed = marked.select(
        "*", F.row_number().over(same_id).alias("place"), F.row_number().over(same_row).alias("copy")
    )
    mark = F.substring("content", 1, 16)
    row_id = (
        F.when(F.col("given").isNull(), F.concat(F.lit("none/"), mark, F.lit("/"), F.col("copy")))
        .when(F.col("place") > 1, F.concat("given", F.lit("/"), mark, F.lit("/"), F.col("copy")))
        .otherwise(F.col("given"))
    )
    return placed.select(
        F.lit(source).alias("source"), row_id.alias("row_id"), *columns, "updated_at", "damaged"
    )

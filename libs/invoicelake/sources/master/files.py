"""Master data as CSV files with a head: one file a table, exported from a database."""

from __future__ import annotations

import csv

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake.errors import JobError
from invoicelake.sources.folders import literal

_DAMAGED = "_damaged"


def read_table_file(spark: SparkSession, file: str, columns: list[str]) -> DataFrame:
    """One row per line: `id`, `columns` as strings, `updated_at` (UTC; null: none or unreadable), `damaged`.

    Columns may stand in any order, others beside them; quoted values may hold line ends.

    Raises:
        JobError: the file is not there or has no rows, or has not all columns.
    """
    head = _head(spark, file)
    missing = [name for name in ("id", *columns, "updated_at") if name not in head]
    if missing:
        raise JobError(
            f"the head of {file} lacks {', '.join(missing)}, it has {', '.join(head[:12])}; "
            "put the columns right, separated by commas"
        )
    schema = ", ".join(f"`{name}` string" for name in [*head, _DAMAGED])
    rows = spark.read.csv(
        literal(file),
        schema=schema,
        header=True,
        multiLine=True,
        escape='"',
        columnNameOfCorruptRecord=_DAMAGED,
        mode="PERMISSIVE",
    )
    if rows.isEmpty():
        raise JobError(f"{file} has a head and no rows, which would empty the table; export it again")
    return rows.select(
        "id",
        *columns,
        F.try_to_timestamp("updated_at").alias("updated_at"),
        F.col(_DAMAGED).alias("damaged"),
    )


def _head(spark: SparkSession, file: str) -> list[str]:
    try:
        first = spark.read.text(literal(file)).first()
    except AnalysisException as error:
        raise JobError(f"there is no file {file} of master data; add it, or set master.format") from error
    head = [name.strip("\ufeff ") for name in next(csv.reader([first[0]] if first else []), [])]
    # Names that come twice, and the empty one, must differ for Spark.
    return [
        name if name and name not in head[:place] else f"_column{place}" for place, name in enumerate(head)
    ]

"""Every example query of every table runs in Spark SQL and in DuckDB over delta-rs, and both say the same."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

import small_lake
from invoicelake.table_spec import load_specs
from invoicelake.tables import pin_files

ROOT = Path(__file__).resolve().parents[2]
SPECS = load_specs(ROOT / "conf" / "tables")
QUERIES = {
    f"{name}: {query.title}": (name, query.sql) for name, spec in SPECS.items() for query in spec.queries
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """All tables, in two versions, so that the past differs from today."""
    folder = tmp_path_factory.mktemp("queried") / "a lake"
    for spec in SPECS.values():
        rows = list(small_lake.varied_rows(spec, range(150)))
        small_lake.write(folder, spec, rows[::2])
        small_lake.write(folder, spec, rows[1::2])
    return folder


def comparable(value):
    """A value as the other engine would give it: they differ in the types of sums, averages and months."""
    if isinstance(value, int | float | Decimal):
        return float(f"{value:.9g}")
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def in_spark(spark, folder, sql):
    """Names of the columns, and the rows, in order."""
    frame = spark.sql(sql.format(table=f"delta.`{folder}`"))
    # Spark gives times to Python in the machine's zone, and does not say so.
    rows = [
        [value.astimezone(UTC) if isinstance(value, datetime) else value for value in row]
        for row in frame.collect()
    ]
    return frame.columns, [tuple(map(comparable, row)) for row in rows]


def in_duckdb(folder, sql):
    """Names of the columns, and the rows, in order."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for version in {None, *map(int, re.findall(r"VERSION AS OF (\d+)", sql))}:
        table = DeltaTable(folder, version=version)
        known_as = "now" if version is None else f"version_{version}"
        if table.metadata().partition_columns:
            # What delta-rs says of partitions is more than the pinned pyarrow understands.
            files = pin_files(folder.name, str(folder), table.version(), {}).files
            connection.read_parquet(list(files), hive_partitioning=True).create_view(known_as)
        else:
            connection.register(known_as, table.to_pyarrow_table())
    sql = re.sub(r"\{table\} VERSION AS OF (\d+)", r"version_\1", sql).format(table="now")
    table = connection.sql(sql).to_arrow_table()
    return table.column_names, [tuple(map(comparable, row.values())) for row in table.to_pylist()]


@pytest.fixture(scope="module")
def answers(spark, lake):
    """By query: what each engine answers, or how it fails."""

    def ask(item):
        name, sql = item
        folder = lake / name.replace(".", "/")
        found = []
        for engine in (lambda: in_spark(spark, folder, sql), lambda: in_duckdb(folder, sql)):
            try:
                found.append(engine())
            except Exception as error:
                found.append(f"{type(error).__name__}: {str(error)[:500]}")
        return found

    # Queries of a few rows: planning and compiling them is nearly all of the work.
    quick = {
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
    }
    before = {key: spark.conf.get(key) for key in quick}
    for key, value in quick.items():
        spark.conf.set(key, value)
    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(QUERIES, pool.map(ask, QUERIES.values()), strict=True))
    for key, value in before.items():
        spark.conf.set(key, value)
    return found


@pytest.mark.parametrize("title", QUERIES)
def test_query_answers_the_same_in_both_engines(answers, title):
    of_spark, of_duckdb = answers[title]
    assert of_duckdb == of_spark
    assert not isinstance(of_spark, str), of_spark
    assert of_spark[1], "the query finds nothing in rows that are made for it"


def test_the_past_differs_from_today(spark, lake):
    now, past = (
        in_duckdb(lake / "gold/daily_sales", f"SELECT count(*) AS n FROM {{table}}{at}")
        for at in ("", " VERSION AS OF 0")
    )
    assert past < now

"""Master data from a real database: the same as from files, only what changed, whatever is wrong with it."""

from __future__ import annotations

import csv
import io
import threading
import time
from pathlib import Path

import pytest

import ingest_master_data
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.job import Run
from invoicelake.sources.generated.trade.master_files import master_files
from invoicelake.sources.master import TABLES, taken_in
from invoicelake.table_spec import load_specs
from postgres import OWNER, PASSWORD, Server, insertion

CONF = Path(__file__).resolve().parents[2] / "conf"
SMALL = ["generator.suppliers=20", "trade.customers=20", "trade.products=20"]
TYPES = {"id": "bigint PRIMARY KEY", "updated_at": "timestamptz", "unit_price": "numeric(18,2)"}


def run_of(job, spark, folder, *overrides):
    return Run(job, config.load(CONF, overrides=[f"lake.path={folder}", *SMALL, *overrides]), spark)


def rows_of(run, table, *columns):
    return sorted(map(tuple, run.lake.read(table).select(*columns).collect()), key=str)


@pytest.fixture(scope="module")
def generated():
    files = master_files(config.load(CONF, overrides=SMALL))
    return {
        name.removesuffix(".csv"): list(csv.DictReader(io.StringIO(text.decode())))
        for name, text in files.items()
    }


@pytest.fixture(scope="module")
def server(spark, generated):
    found = Server()
    found.start()
    for table, rows in generated.items():
        columns = ", ".join(f"{name} {TYPES.get(name, 'text')}" for name in rows[0])
        found.execute(spark, f"CREATE TABLE {table} ({columns})", insertion(table, rows))
    yield found
    found.close()


@pytest.fixture
def database(server, monkeypatch):
    monkeypatch.setenv("INVOICELAKE_DB_PASSWORD", PASSWORD)
    return ["master.format=jdbc", f"master.url={server.url}", f"master.user={OWNER}", "master.partitions=3"]


def taken(spark, suite, table, landing, since=None):
    """What is handed over, and whether that is all there is."""
    spec = load_specs(CONF / "tables")[f"bronze.{table}"]
    with taken_in(spark, suite, spec, str(landing), since) as delivery:
        return sorted(map(tuple, delivery.rows.drop("source").collect()), key=str), delivery.is_complete


def test_a_database_gives_what_its_files_give(spark, tmp_path, database):
    for table in TABLES:
        from_files = taken(spark, run_of("", spark, tmp_path).suite, table, tmp_path / "landing")
        from_database = taken(spark, run_of("", spark, tmp_path, *database).suite, table, None)
        assert from_database == from_files
        assert len(from_files[0]) >= 20


CHANGES = (
    "INSERT INTO moved.supplier SELECT * FROM supplier",
    "UPDATE moved.supplier SET updated_at = NULL WHERE id = 3",
    "UPDATE moved.supplier SET updated_at = '2024-06-01 10:00:00.5Z' WHERE id = 1",
)
LATER_CHANGES = (
    "UPDATE moved.supplier SET name = 'at the watermark', updated_at = '2024-06-01 10:00:00.5Z' WHERE id = 2",
    "UPDATE moved.supplier SET name = 'without a watermark' WHERE id = 3",
    "UPDATE moved.supplier SET name = 'before the watermark' WHERE id = 4",
    "UPDATE moved.supplier SET updated_at = '2999-01-01Z' WHERE id = 5",
    "DELETE FROM moved.supplier WHERE id = 6",
)


def test_only_what_changed_is_read(spark, server, tmp_path, database, monkeypatch):
    monkeypatch.setattr(ingest_master_data, "TABLES", ("supplier",))
    server.execute(spark, "CREATE SCHEMA moved", "CREATE TABLE moved.supplier (LIKE supplier)", *CHANGES)
    settings = [*database, "master.schema_name=moved", "master.overlap_s=0"]
    run = run_of("ingest_master_data", spark, tmp_path, *settings)
    ingest_master_data.main(run)
    first = dict(rows_of(run, "bronze.supplier", "row_id", "name"))
    server.execute(spark, *LATER_CHANGES)
    run.tables.clear()
    ingest_master_data.main(run)
    without = int(server.value(spark, "SELECT count(*) FROM moved.supplier WHERE updated_at IS NULL"))
    # At the watermark: 1 and 2; from the future: 5; and all that have none.
    assert run.tables["bronze.supplier"]["rows"] == 3 + without < len(first)
    changed = {"2": "at the watermark", "3": "without a watermark"}
    assert dict(rows_of(run, "bronze.supplier", "row_id", "name")) == {**first, **changed}
    # One row from the future does not hide what comes after.
    server.execute(spark, "UPDATE moved.supplier SET name = 'later', updated_at = now() + '1 d' WHERE id = 7")
    ingest_master_data.main(run)
    assert dict(rows_of(run, "bronze.supplier", "row_id", "name")) == {**first, **changed, "7": "later"}
    ingest_master_data.main(run_of("ingest_master_data", spark, tmp_path, *settings, "master.full_read=true"))
    names = dict(rows_of(run, "bronze.supplier", "row_id", "name"))
    assert names["4"] == "before the watermark"
    assert "6" not in names


# why, settings, password, what the message must say
FAULTS = [
    ("down", ["master.url=jdbc:postgresql://127.0.0.1:9/postgres"], PASSWORD, "refused.*start the database"),
    ("no such database", ["master.url={url}x"], PASSWORD, "postgresx.*name of the database"),
    ("wrong password", [], "wrong", "authentication failed.*master.password_env"),
    ("no password", [], None, "no password was provided.*master.password_env"),
    ("no such user", ["master.user=nobody"], PASSWORD, "authentication failed.*master.user"),
    ("missing table", ["master.schema_name=nowhere"], PASSWORD, "does not exist; create the table"),
    ("missing column", ["master.schema_name=narrow"], PASSWORD, "lacks the columns region, updated_at"),
    ("text as id", ["master.schema_name=texts"], PASSWORD, "an id that is no whole number"),
    ("text as watermark", ["master.schema_name=words"], PASSWORD, "updated_at that is no time stamp"),
    ("slow", ["master.schema_name=slow", "master.query_timeout_s=1"], PASSWORD, "query_timeout_s higher"),
    ("password in the URL", ["master.url={url}?password=hush"], PASSWORD, "master.url holds a user"),
    ("user in the URL", ["master.url=jdbc:postgresql://me:hush@h/d"], PASSWORD, "master.url holds a user"),
    ("another database", ["master.url=jdbc:mysql://h/d"], PASSWORD, "should begin with jdbc:postgresql"),
    ("no user", ["master.user=null"], PASSWORD, "needs a database; add"),
]  # fmt: skip


@pytest.fixture(scope="module")
def faulty(spark, server):
    server.execute(
        spark,
        "CREATE SCHEMA narrow",
        "CREATE VIEW narrow.country AS SELECT id, country_code, name, currency FROM country",
        "CREATE SCHEMA texts",
        "CREATE VIEW texts.country AS SELECT country_code AS id, * FROM (SELECT country_code, name, region,"
        " currency, updated_at FROM country) AS c",
        "CREATE SCHEMA words",
        "CREATE VIEW words.country AS SELECT id, country_code, name, region, currency,"
        " updated_at::text AS updated_at FROM country",
        "CREATE SCHEMA slow",
        "CREATE VIEW slow.country AS SELECT *, pg_sleep(5)::text AS nap FROM country",
    )
    return server


@pytest.mark.parametrize(
    ("settings", "password", "message"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS]
)
def test_what_is_wrong_with_a_database_is_told(
    spark, faulty, tmp_path, database, monkeypatch, settings, password, message
):
    if password is None:
        monkeypatch.delenv("INVOICELAKE_DB_PASSWORD")
    else:
        monkeypatch.setenv("INVOICELAKE_DB_PASSWORD", password)
    filled = [each.format(url=faulty.url) for each in settings]
    run = run_of("ingest_master_data", spark, tmp_path, *database, *filled)
    with pytest.raises(JobError, match=message) as caught:
        ingest_master_data.main(run)
    assert "hush" not in str(caught.value)
    assert PASSWORD not in f"{caught.value}{caught.value.details}"
    assert not run.lake.exists("bronze.country")


def test_a_database_that_dies_during_the_read_leaves_the_table_as_it_was(spark, server, tmp_path, database):
    asleep = "CASE WHEN current_query() LIKE '%min(id)%' THEN true ELSE pg_sleep(0.1)::text IS NOT NULL END"
    server.execute(
        spark,
        "CREATE SCHEMA dying",
        f"CREATE VIEW dying.supplier AS SELECT * FROM supplier WHERE {asleep}",
    )
    settings = [*database, "master.fetch_rows=2"]
    run = run_of("ingest_master_data", spark, tmp_path, *settings)
    spec = run.lake.specs["bronze.supplier"]
    dying = run_of("ingest_master_data", spark, tmp_path, *settings, "master.schema_name=dying")
    killer = threading.Thread(target=kill_once_read, args=(spark, server))
    killer.start()
    with (
        pytest.raises(JobError, match=r"supplier could not be read from .*run the job again"),
        taken_in(spark, dying.suite, spec, "", None),
    ):
        pytest.fail("rows were handed over")
    killer.join()
    server.start()
    with taken_in(spark, run.suite, spec, "", None) as delivery:
        assert delivery.rows.count() >= 20


def kill_once_read(spark, server):
    reading = """SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT "id"%'"""
    deadline = time.monotonic() + 60
    while server.value(spark, reading) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    server.kill()

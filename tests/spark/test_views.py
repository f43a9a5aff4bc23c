"""Views: stable columns over one version in DuckDB, the newest in Spark, and the past in both."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

import small_lake
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.serving.view_files import write_database
from invoicelake.serving.views import declared_views, pin_views, spark_statements
from invoicelake.tables.past import commit_at
from running import run_job

BY_DELTA_RS = ("gold.extractor_example", "silver.receivable", "silver.document")
EMPTY = "gold.payment_delay_example"


def asked(file, sql):
    with duckdb.connect(str(file), read_only=True) as database:
        return database.execute(sql).fetchall()


def committed(folder, version, at):
    """Make a commit one of that time."""
    file = Path(folder) / "_delta_log" / f"{version:020}.json"
    actions = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for action in actions:
        if "commitInfo" in action:
            action["commitInfo"]["timestamp"] = int(at.timestamp() * 1000)
    file.write_text("\n".join(map(json.dumps, actions)), encoding="utf-8")


@pytest.fixture(scope="module")
def small(spark, specs, tmp_path_factory):
    """A lake with tables written by Spark and by delta-rs, one of them without rows."""
    from invoicelake.tables import Lake

    lake = Lake(spark, str(tmp_path_factory.mktemp("shown") / "a=b lake"), specs, {"job": "test"})
    entries = specs["silver.ledger_entry"]
    booked = datetime(2024, 1, 31, 23, 30, tzinfo=UTC)
    rows = [entries.sample_row(entry_id=name, booked_at=booked, currency="GBP") for name in "abc"]
    written = [tuple(row[name] for name in entries.written) for row in rows]
    lake.upsert("silver.ledger_entry", spark.createDataFrame(written, entries.ddl_of(*entries.written)))
    for name in BY_DELTA_RS:
        rows = list(small_lake.varied_rows(specs[name], range(20)))
        small_lake.write(Path(lake.path), specs[name], rows)
    small_lake.write(Path(lake.path), specs[EMPTY], [])
    return lake


def test_published_file_keeps_its_versions_until_published_again(spark, small, specs, tmp_path):
    path = tmp_path / "lake"
    shutil.copytree(small.path, path)
    file, script = path / "views.duckdb", path / "views.sql"
    (path / "views.duckdb.new").write_text("left by a run that was killed")

    def publish():
        run = run_job(spark, "publish_views", f"lake.path={path}")
        rows, version = asked(file, "SELECT count(*) FROM receivable")[0][0], asked(file, "FROM published")
        return run.metrics["files_written"], rows, version, (file.read_bytes(), script.read_bytes())

    first = publish()
    small_lake.write(
        path, specs["silver.receivable"], [{"invoice_number": number} for number in ("new", "newer")]
    )
    assert asked(file, "SELECT count(*) FROM receivable") == [(first[1],)]
    second = publish()
    third = publish()
    assert (first[0], second[0], third[0]) == (2, 1, 0)
    assert (second[1], third[1:]) == (first[1] + 2, second[1:])
    changed = {new[0]: new for old, new in zip(first[2], second[2], strict=True) if old != new}
    assert changed.keys() == {"receivable"}
    assert changed["receivable"][1:4] == ("silver.receivable", 1, first[1] + 2)
    assert not (path / "views.duckdb.new").exists()


def test_views_of_both_engines_show_the_same(spark, small, tmp_path):
    settings = config.Views(database="shown_to_analysts")
    pinned = pin_views(small, settings)
    write_database(tmp_path / "views.duckdb", pinned)
    with duckdb.connect(str(tmp_path / "views.duckdb")) as database:
        database.execute("SET TimeZone = 'Pacific/Auckland'")
        in_duckdb = {
            each.view.name: (
                database.execute(f"FROM {each.view.name}").fetchall(),
                [column[0] for column in database.description],
            )
            for each in pinned
        }
    for statement in spark_statements(pinned, settings):
        spark.sql(statement)
    try:
        for each in pinned:
            frame = spark.table(f"shown_to_analysts.{each.view.name}")
            rows = [
                tuple(
                    value.astimezone(UTC).replace(tzinfo=None)
                    if isinstance(value, datetime)
                    else bytes(value)
                    if isinstance(value, bytearray)
                    else [part.asDict() for part in value]
                    if isinstance(value, list)
                    else value
                    for value in row
                )
                for row in frame.collect()
            ]
            promised = each.view.promise.column_names
            assert (frame.columns, in_duckdb[each.view.name][1]) == (promised, promised)
            assert sorted(map(repr, in_duckdb[each.view.name][0])) == sorted(map(repr, rows)), each.view.name
            assert [field.metadata["comment"] for field in frame.schema] == [
                column.full_comment for column in each.view.promise.columns
            ]
    finally:
        spark.sql("DROP DATABASE shown_to_analysts CASCADE")
    assert {len(rows) > 0 for name, (rows, _) in in_duckdb.items() if name != "payment_delay_example"} == {
        True
    }
    assert in_duckdb["payment_delay_example"][0] == []


def test_database_says_what_is_shown(small, specs, tmp_path):
    file = tmp_path / "views.duckdb"
    write_database(file, pin_views(small, config.Views()))
    table_names = {"silver.ledger_entry", *BY_DELTA_RS, EMPTY} - {"silver.document"}
    assert {row[0] for row in asked(file, "SELECT table_name FROM published")} == table_names
    columns = "SELECT column_name, comment FROM duckdb_columns()"
    sql = f"{columns} WHERE table_name = 'ledger_entry' ORDER BY column_index"
    assert asked(file, sql) == [
        (each.name, each.full_comment) for each in specs["silver.ledger_entry"].columns
    ]
    assert asked(file, "SELECT comment FROM duckdb_views() WHERE view_name = 'ledger_entry'") == [
        (specs["silver.ledger_entry"].description,)
    ]
    file.write_bytes(b"no database")
    assert write_database(file, pin_views(small, config.Views()))
    assert asked(file, "SELECT version, rows FROM published WHERE view = 'ledger_entry'") == [(1, 3)]


# as_of, the version that is shown (None: there was no table yet)
TIMES = [
    (None, 2),
    (date(2024, 1, 30), None),
    (date(2024, 1, 31), 1),
    (datetime(2024, 1, 31, 11, 59), None),
    (datetime(2024, 1, 31, 12, 0), 0),
    (datetime(2024, 1, 31, 14, 0, tzinfo=UTC), 0),
    (date(2024, 2, 28), 1),
    (date(2024, 2, 29), 2),
    (date(2030, 1, 1), 2),
]


@pytest.fixture(scope="module")
def with_past(spark, specs, tmp_path_factory):
    """A table of three versions of known times."""
    from invoicelake.tables import Lake

    lake = Lake(spark, str(tmp_path_factory.mktemp("past") / "lake"), specs, {"job": "test"})
    for version, at in enumerate([(1, 31, 12), (1, 31, 23), (2, 29, 0)]):
        small_lake.write(Path(lake.path), specs["gold.invoice"], [{"document_id": str(version)}])
        committed(lake.location("gold.invoice"), version, datetime(2024, *at, tzinfo=UTC))
    return lake


@pytest.mark.parametrize(("as_of", "version"), TIMES)
def test_a_day_or_time_is_the_version_that_was_newest_then(with_past, as_of, version):
    found = commit_at("gold.invoice", with_past.location("gold.invoice"), as_of)
    assert (found and found.version) == version


def test_views_of_a_month_end_show_the_tables_as_they_were(spark, with_past):
    setting = "views.as_of=2024-01-31"
    run = run_job(spark, "publish_views", f"lake.path={with_past.path}", setting, "views.database=month_end")
    assert run.metrics["views"] == 1
    in_duckdb = asked(Path(with_past.path) / "views.duckdb", "SELECT document_id FROM invoice ORDER BY 1")
    in_spark = spark.sql("SELECT document_id FROM month_end.invoice ORDER BY 1").collect()
    spark.sql("DROP DATABASE month_end CASCADE")
    assert in_duckdb == [("0",), ("1",)] == [tuple(row) for row in in_spark]


def test_a_past_that_is_gone_is_said_to_be(with_past, specs, tmp_path):
    path = tmp_path / "lake"
    shutil.copytree(with_past.path, path)
    lake = type(with_past)(with_past.spark, str(path), specs, {})
    next((path / "gold" / "invoice").glob("*.parquet")).unlink()
    with pytest.raises(JobError, match=r"files of gold\.invoice version 2 are gone, vacuumed or removed"):
        pin_views(lake, config.Views())


def test_a_successor_is_shown_under_the_old_name_and_columns(spark, small, specs, tmp_path):
    old = specs["silver.receivable"]
    renamed = [
        column.model_copy(update={"name": "money_minor", "type": "int"})
        if column.name == "amount_minor"
        else column
        for column in old.columns
    ]
    new = old.model_copy(update={"layer": "gold", "name": "receivable_v2", "columns": tuple(renamed)})
    lake = type(small)(spark, str(tmp_path), {**specs, new.full_name: new}, {})
    small_lake.write(tmp_path, new, list(small_lake.varied_rows(new, range(9))))
    shows = {"receivable": {"table": "gold.receivable_v2", "columns": {"amount_minor": "money_minor * 10"}}}
    settings = config.Views(shows=shows, database="successors")
    pinned = pin_views(lake, settings)
    assert [each.view.name for each in pinned] == ["receivable"]
    write_database(tmp_path / "views.duckdb", pinned)
    for statement in spark_statements(pinned, settings):
        spark.sql(statement)
    shown = spark.table("successors.receivable")
    in_spark = shown.select("amount_minor").collect()
    assert dict(shown.dtypes)["amount_minor"] == "bigint"
    spark.sql("DROP DATABASE successors CASCADE")
    in_duckdb = asked(tmp_path / "views.duckdb", "SELECT amount_minor, typeof(amount_minor) FROM receivable")
    assert sorted(row[0] for row in in_duckdb) == sorted(row[0] for row in in_spark)
    assert {kind for _, kind in in_duckdb} == {"BIGINT"}
    assert any(row[0] for row in in_spark)


# settings, what the message must say
UNFIT = [
    ({"silver": ["nothing"]}, r"no table silver\.nothing to make a view of"),
    ({"shows": {"nothing": {"table": "gold.invoice"}}}, r"names the view nothing, which there is not"),
    ({"shows": {"invoice": {"table": "gold.invoice_v9"}}}, r"no table gold\.invoice_v9"),
    (
        {"shows": {"invoice": {"table": "silver.label"}}},
        r"silver\.label has no column .*total_minor.*which the view",
    ),
]


@pytest.mark.parametrize(("settings", "message"), UNFIT)
def test_settings_that_fit_no_table_are_refused(specs, settings, message):
    with pytest.raises(JobError, match=message):
        declared_views(specs, config.Views.model_validate(settings))


def test_names_of_views_are_unique(specs):
    names = [view.name for view in declared_views(specs, config.Views())]
    assert len(names) == len(set(names))
    assert {"daily_sales", "invoice", "ledger_entry", "supplier"} <= set(names)

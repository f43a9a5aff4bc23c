"""Tables are looked after: compact, the past as long as promised, and nothing committed for nothing."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.tables.maintenance import declared_hours, maintain
from running import CONF, run_job

DAYS = [date(2024, 1, day) for day in (1, 2, 3)]
TEN_DAYS_S = 10 * 24 * 3600
LABELS = "document_id string, field string, value string, line_numbers array<int>"


def stray(folder, name, age_s):
    """A file that a job which was killed left behind."""
    file = Path(folder) / f"{name}.parquet"
    file.write_bytes(b"never committed")
    os.utime(file, (time.time() - age_s,) * 2)
    return file


@pytest.fixture(scope="module")
def kept(spark, specs, tmp_path_factory):
    """A lake maintained twice: both runs, and what there was before."""
    from invoicelake.tables import Lake

    path = tmp_path_factory.mktemp("kept") / "a lake"
    lake = Lake(spark, str(path), specs, {"job": "test"})
    sales = specs["gold.daily_sales"]
    rows = [
        sales.sample_row(entry_date=day, stock_code=str(code)) | {"updated_at": None}
        for day in DAYS
        for code in range(5)
    ]
    for number, day in enumerate(DAYS):
        written = [tuple(row[name] for name in sales.written) for row in rows if row["entry_date"] == day]
        lake.upsert("gold.daily_sales", spark.createDataFrame(written, sales.ddl_of(*sales.written)))
        lake.upsert("silver.label", spark.createDataFrame([("a", str(number), "1", None)], LABELS))
    strays = {
        (name, age): stray(lake.location(name), f"left_{age}", age * TEN_DAYS_S // 10)
        for name in ("gold.daily_sales", "silver.label")
        for age in (1, 10)
    }
    before = {name: lake.version(name) for name in ("gold.daily_sales", "silver.label")}
    runs = [run_job(spark, "maintain_tables", f"lake.path={path}") for _ in range(2)]
    return lake, before, strays, runs


def test_small_files_become_one_with_the_same_rows(kept):
    lake, before, _, (run, _) = kept
    for name, version in before.items():
        counts = run.tables[name]
        assert counts["files_before"] >= 3
        assert counts["files_after"] == 1
        assert counts["version"] == version + 1
        assert counts["stored_bytes_before"] > counts["size_bytes_before"] > counts["size_bytes_after"] > 0
        now, then = lake.read(name), lake.read(name, version)
        assert now.exceptAll(then).isEmpty()
        assert now.count() == then.count()


def test_a_second_run_commits_nothing(kept):
    _, _, _, (first, second) = kept
    assert {name: counts["version"] for name, counts in second.tables.items()} == {
        name: counts["version"] for name, counts in first.tables.items()
    }


def test_the_change_data_feed_tells_what_was_written(kept):
    lake, _, _, _ = kept
    location = lake.location("gold.daily_sales")
    feed = lake.spark.sql(f"SELECT * FROM table_changes_by_path('{location}', 1)")
    in_spark = feed.groupBy("_change_type", "_commit_version").count().collect()
    connection = duckdb.connect()
    connection.register("changes", DeltaTable(location).load_cdf(starting_version=1))
    in_duckdb = connection.sql(
        "SELECT _change_type, _commit_version, count(*) FROM changes GROUP BY ALL"
    ).fetchall()
    assert (
        sorted(in_duckdb)
        == sorted(map(tuple, in_spark))
        == [("insert", 1, 5), ("insert", 2, 5), ("insert", 3, 5)]
    )


def test_files_go_when_nobody_asks_for_them_any_more(kept):
    _, _, strays, _ = kept
    there = {key: file.exists() for key, file in strays.items()}
    assert there == {
        ("silver.label", 10): False,
        ("silver.label", 1): True,
        # Gold tables are declared to show the past for longer than a year.
        ("gold.daily_sales", 10): True,
        ("gold.daily_sales", 1): True,
    }


def test_properties_declared_later_reach_a_table_and_a_reason_lets_files_go_early(kept):
    lake, _, strays, _ = kept
    spec = lake.specs["silver.label"]
    lake.specs = {
        **lake.specs,
        "silver.label": spec.model_copy(update={"properties": {"delta.appendOnly": "false"}}),
    }
    short = config.Maintenance(retention_hours=0, short_retention_reason="the disk is full")
    maintained = [maintain(lake, "silver.label", short) for _ in range(2)]
    assert maintained[0].version == maintained[1].version
    detail = lake.spark.sql(f"DESCRIBE DETAIL delta.`{lake.location('silver.label')}`").first()
    assert detail["properties"]["delta.appendOnly"] == "false"
    assert not strays["silver.label", 1].exists()


# declared retention, hours (None: it is refused)
RETENTIONS = [
    (None, 0),
    ("interval 400 days", 9600),
    ("interval 1 day", 24),
    ("interval 2 weeks", 336),
    ("interval 12 hours", 12),
    ("400 days", None),
    ("interval 1 month", None),
]


@pytest.mark.parametrize(("declared", "hours"), RETENTIONS)
def test_retention_as_declared(specs, declared, hours):
    properties = {} if declared is None else {"delta.deletedFileRetentionDuration": declared}
    spec = specs["silver.label"].model_copy(update={"properties": properties})
    if hours is not None:
        assert declared_hours(spec) == hours
        return
    with pytest.raises(JobError, match=r"silver\.label is .* expected something like 'interval 400 days'"):
        declared_hours(spec)


@pytest.mark.parametrize(
    "name", ["gold.extractor_example", "gold.extractor_vocabulary", "gold.payment_delay_example"]
)
def test_versions_that_training_pins_are_kept_for_more_than_a_year(specs, name):
    assert declared_hours(specs[name]) > 366 * 24


@pytest.mark.parametrize("reason", ["", "maintenance.short_retention_reason= "])
def test_less_than_a_week_needs_a_reason(reason):
    overrides = ["maintenance.retention_hours=24", *([reason] if reason else [])]
    with pytest.raises(config.SettingsError, match=r"24, less than a week.*short_retention_reason"):
        config.load(CONF, overrides=overrides)

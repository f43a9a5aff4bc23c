"""The lake: tables as declared, writes that change nothing twice, one version pinned."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from invoicelake.errors import JobError
from invoicelake.quality.checks import verify
from invoicelake.tables import Slice, pin_files, require_writable

LABEL_COLUMNS = "document_id string, field string, value string, line_numbers array<int>"


def labels_frame(spark, rows):
    """Rows of silver.label of which nobody said where they stand."""
    return spark.createDataFrame([(*row, None) for row in rows], LABEL_COLUMNS)


# Each step is an upsert into silver.label: (why, rows, replaces, rows changed, values afterwards).
HISTORY = [
    ("first rows", [("a", "total", "1"), ("a", "date", "2"), ("b", "total", "3")], None, 3, "1 2 3"),
    ("the same again", [("a", "total", "1"), ("a", "date", "2"), ("b", "total", "3")], None, 0, "1 2 3"),
    ("one changed, one new", [("b", "total", "4"), ("c", "total", "5")], None, 2, "1 2 4 5"),
    ("an old one again", [("a", "total", "1")], None, 0, "1 2 4 5"),
    ("a's rows replaced", [("a", "total", "1")], "document_id = 'a'", 1, "1 4 5"),
    ("replaced by the same", [("a", "total", "1")], "document_id = 'a'", 0, "1 4 5"),
    ("replaced by nothing", [], "document_id = 'c'", 1, "1 4"),
]


def test_upserts_commit_what_changed_and_nothing_else(lake):
    seen, expected, versions = [], [], []
    for why, rows, replaces, changed, values in HISTORY:
        committed = lake.upsert("silver.label", labels_frame(lake.spark, rows), replaces)
        found = sorted(row["value"] for row in lake.read("silver.label").collect())
        seen.append((why, committed.changed, " ".join(found)))
        expected.append((why, changed, values))
        versions.append(committed.version)
    assert seen == expected
    commits = [later - earlier for earlier, later in itertools.pairwise(versions)]
    assert commits == [int(changed > 0) for _, _, _, changed, _ in HISTORY[1:]]
    first = lake.read("silver.label", version=versions[0])
    assert sorted(row["value"] for row in first.collect()) == ["1", "2", "3"]


DAYS = "source string, delivery_day date, made_from string, lines bigint, accepted bigint, rejected bigint"


def days_frame(lake, made_from, *days):
    rows = [("shop", date(2024, 1, day), made_from, 5, 5, 0, 0) for day in days]
    return lake.spark.createDataFrame(rows, f"{DAYS}, repaired_cells bigint")


# Each step replaces the slice of some days: (why, days of the slice, days written, made from, rows changed,
# files rewritten, days afterwards with what they were made from)
SLICES = [
    ("first days", (1, 2), (1, 2), "a", 2, 0, "1a 2a"),
    ("a day after them", (3,), (3,), "a", 1, 0, "1a 2a 3a"),
    ("the same day again", (3,), (3,), "a", 0, 0, "1a 2a 3a"),
    ("a day between, with a change", (2,), (2,), "b", 1, 1, "1a 2b 3a"),
    ("a day that is gone", (1, 3), (3,), "a", 1, 1, "2b 3a"),
    ("a slice that stays empty", (9,), (), "a", 0, 0, "2b 3a"),
]


def test_a_slice_is_replaced_and_no_other_file_touched(lake):
    name, seen, version = "silver.ledger_day", [], None
    for why, days, written, made_from, *_ in SLICES:
        within = Slice.of("delivery_day", [date(2024, 1, day) for day in days], source="shop")
        committed = lake.upsert(name, days_frame(lake, made_from, *written), within)
        metrics = lake.history(name, 1).first()["operationMetrics"] if committed.version != version else {}
        version = committed.version
        rewritten = int(metrics.get("numTargetFilesRemoved", 0))
        rows = sorted((row.delivery_day.day, row.made_from) for row in lake.read(name).collect())
        left = " ".join(f"{day}{made_from}" for day, made_from in rows)
        seen.append((why, days, written, made_from, committed.changed, rewritten, left))
    assert seen == SLICES


def test_writers_of_the_same_rows_agree(lake):
    """Four at once, before there is a table: each row is there once, and who came late had nothing to do."""
    within = Slice.of("delivery_day", [date(2024, 1, 1), date(2024, 1, 2)], source="shop")
    frame = days_frame(lake, "a", 1, 2)
    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(lake.upsert, "silver.ledger_day", frame, within) for _ in range(4)]
    assert sum(write.result().changed for write in writes) == 2
    assert lake.read("silver.ledger_day").count() == 2


def test_what_must_never_be_false_is_enforced_by_the_table(lake):
    lake.upsert("silver.ledger_day", days_frame(lake, "a", 1))
    with pytest.raises(Exception, match="nothing_lost"):
        lake.spark.sql(f"UPDATE delta.`{lake.location('silver.ledger_day')}` SET lines = 7")


def test_table_carries_what_its_declaration_says(lake, specs):
    spec = specs["silver.label"]
    lake.upsert("silver.label", labels_frame(lake.spark, [("a", "total", "1")]))
    location = lake.location("silver.label")
    comments = {field.name: field.metadata.get("comment") for field in lake.read("silver.label").schema}
    assert comments == {column.name: column.full_comment for column in spec.columns}
    detail = lake.spark.sql(f"DESCRIBE DETAIL delta.`{location}`").first()
    assert detail["description"] == spec.description
    constraint = detail["properties"]["delta.constraints.has_value"]
    assert constraint.replace(" ", "") == "length(trim(value))>0"
    commits = lake.spark.sql(f"DESCRIBE HISTORY delta.`{location}`").collect()
    written_by = {"job": "test", "git_commit": "abc123", "run": "test-run"}
    assert [json.loads(commit["userMetadata"]) for commit in commits] == [written_by] * len(commits)


def test_a_table_of_another_schema_is_not_touched(lake):
    location = lake.location("silver.label")
    lake.spark.sql("SELECT 'a' AS document_id, 1 AS value").write.format("delta").save(location)
    with pytest.raises(JobError, match=r"another schema than silver\.label .*field.*move it away"):
        lake.upsert("silver.label", labels_frame(lake.spark, [("a", "total", "1")]))
    assert lake.spark.read.format("delta").load(location).count() == 1


def test_reading_a_table_that_is_not_there_names_it(lake):
    with pytest.raises(JobError, match=r"there is no table gold\.invoice"):
        lake.read("gold.invoice")


# why, rows of silver.label, what the message must say (None: the rows pass)
CHECKS = [
    ("sound rows", [("a", "total", "1"), ("a", "date", "2")], None),
    ("a null", [("a", "total", "1"), ("a", None, "2")], "field is null: 1 rows"),
    ("the key twice", [("a", "total", "1"), ("a", "total", "2")], "repeats document_id, field: 1 rows"),
    ("a constraint", [("a", "total", " "), ("b", "total", "")], "not has_value: 2 rows"),
]


@pytest.mark.parametrize(("rows", "message"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS])
def test_checks(spark, specs, rows, message):
    frame = labels_frame(spark, rows)
    if message is None:
        assert verify(frame, specs["silver.label"]) == len(rows)
    else:
        with pytest.raises(JobError, match=message):
            verify(frame, specs["silver.label"])


@pytest.fixture(scope="module")
def partitioned(spark, tmp_path_factory) -> str:
    """Four versions: two appends, an overwrite of one partition, a compaction."""
    location = str(tmp_path_factory.mktemp("a lake") / "numbers")
    numbers = spark.range(100).selectExpr("id", "IF(id % 4 = 0, 'test it', 'train') AS split")
    properties = {"delta.enableDeletionVectors": "false"}
    for part in (numbers.where("id < 50"), numbers.where("id >= 50")):
        part.write.format("delta").options(**properties).partitionBy("split").mode("append").save(location)
    numbers.where("id % 4 = 0").selectExpr("id + 1000 AS id", "split").write.format("delta").mode(
        "overwrite"
    ).option("replaceWhere", "split = 'test it'").save(location)
    spark.sql(f"OPTIMIZE delta.`{location}`")
    return location


PINS = [
    # version, split, ids
    (0, "train", [k for k in range(50) if k % 4]),
    (1, "train", [k for k in range(100) if k % 4]),
    (1, "test it", list(range(0, 100, 4))),
    (2, "test it", list(range(1000, 1100, 4))),
    (3, "test it", list(range(1000, 1100, 4))),
    (3, "train", [k for k in range(100) if k % 4]),
    (3, "validation", []),
]


@pytest.mark.parametrize(("version", "split", "ids"), PINS)
def test_pinned_files_hold_exactly_the_rows_of_the_version(partitioned, version, split, ids):
    import pyarrow.parquet as pq

    pinned = pin_files("gold.number", partitioned, version, {"split": split})
    found = [value for file in pinned.files for value in pq.ParquetFile(file).read(["id"])["id"].to_pylist()]
    assert sorted(found) == ids
    assert sum(pinned.rows) == len(ids)


def test_deletion_vectors_are_refused(spark, tmp_path):
    location = str(tmp_path / "numbers")
    spark.range(10).write.format("delta").option("delta.enableDeletionVectors", "true").save(location)
    spark.sql(f"DELETE FROM delta.`{location}` WHERE id = 3")
    with pytest.raises(JobError, match=r"deletion vectors.*REORG TABLE"):
        pin_files("gold.number", location, 1, {})


def test_a_lake_that_is_not_writable_is_refused(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(JobError, match=r"cannot create the lake folder .*set lake\.path"):
        require_writable(str(tmp_path / "file" / "lake"))
    require_writable(str(tmp_path / "lake"))
    assert Path(tmp_path / "lake").is_dir()

"""A version pinned from the table's log: files and rows, and what is told where they are not to be had."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from feed_histories import require_exact
from invoicelake.errors import JobError
from invoicelake.tables import pin_files

NAME = "gold.extractor_example"


@pytest.fixture
def location(tmp_path):
    """Version 0 has the rows 0 to 2, version 1 also 3 to 5, version 2 all in one file."""
    folder = str(tmp_path / "a table")
    for first in (0, 3):
        write_deltalake(folder, pa.table({"number": list(range(first, first + 3))}), mode="append")
    DeltaTable(folder).optimize.compact()
    return folder


def numbers(pinned):
    return sorted(row for file in pinned.files for row in pq.ParquetFile(file).read()["number"].to_pylist())


@pytest.mark.parametrize(("version", "files", "rows"), [(0, 1, 3), (1, 2, 6), (2, 1, 6)])
def test_files_are_those_of_the_version(location, version, files, rows):
    pinned = pin_files(NAME, location, version, {})
    assert (len(pinned.files), sum(pinned.rows)) == (files, rows)
    assert numbers(pinned) == list(range(rows))


@pytest.mark.parametrize("version", [0, 1])
def test_vacuumed_version_is_told(location, version):
    DeltaTable(location).vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    with pytest.raises(JobError, match=rf"files of {NAME} version {version} are gone, vacuumed or removed"):
        pin_files(NAME, location, version, {})
    assert numbers(pin_files(NAME, location, 2, {})) == list(range(6))


@pytest.mark.parametrize("version", [1, 3])
def test_version_that_the_log_does_not_have_is_told(location, version):
    """Version 1 after the log was cleaned up, and one that never was."""
    DeltaTable(location).create_checkpoint()
    for old in (0, 1):
        (Path(location) / "_delta_log" / f"{old:020d}.json").unlink()
    with pytest.raises(JobError, match=f"the log of {NAME} has no version {version}"):
        pin_files(NAME, location, version, {})
    assert numbers(pin_files(NAME, location, 2, {})) == list(range(6))


def commit(location, version, *actions):
    log = Path(location) / "_delta_log" / f"{version:020d}.json"
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))


def test_columns_under_other_names_are_refused(location):
    metadata = DeltaTable(location).metadata()
    fields = [{"name": "number", "type": "long", "nullable": True}]
    fields[0]["metadata"] = {"delta.columnMapping.id": 1, "delta.columnMapping.physicalName": "col-1"}
    commit(
        location,
        3,
        {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}},
        {
            "metaData": {
                "id": str(metadata.id),
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": fields}),
                "partitionColumns": [],
                "configuration": {"delta.columnMapping.mode": "name"},
            }
        },
    )
    with pytest.raises(JobError, match="maps columns to other names in its files"):
        pin_files(NAME, location, 3, {})


def test_rows_are_counted_where_the_log_does_not(location):
    log = Path(location) / "_delta_log" / f"{0:020d}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        action.get("add", {}).pop("stats", None)
    commit(location, 0, *actions)
    assert pin_files(NAME, location, 0, {}).rows == (3,)


@pytest.mark.parametrize("seed", range(1000, 1008))
def test_feed_gives_the_rows_of_a_version(tmp_path, seed):
    """Some of the histories of which tests/slow has hundreds."""
    require_exact(tmp_path / "table", seed)

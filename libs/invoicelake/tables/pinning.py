"""The live files of one table version, for readers of plain Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from invoicelake.errors import JobError

if TYPE_CHECKING:
    from deltalake import DeltaTable


@dataclass(frozen=True)
class PinnedTable:
    """The live files of one table version, in a stable order, with the rows that each holds."""

    name: str
    path: str
    version: int
    files: tuple[str, ...]
    rows: tuple[int, ...]


def pin_files(name: str, location: str, version: int, partition: Mapping[str, str]) -> PinnedTable:
    """The live files of one version of the table at `location`, read from its log without Spark.

    Raises:
        JobError: the version's log or files are gone, or plain Parquet does not show what is in the table.
    """
    import pyarrow as pa

    table = _opened(name, location, version)
    added = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    live = [row for row in added if all(row[f"partition.{key}"] == value for key, value in partition.items())]
    shortened = {
        unquote(Path(str(file)).name) for file in pa.table(table.deletion_vectors())["filepath"].to_pylist()
    }
    if any(Path(unquote(row["path"])).name in shortened for row in live):
        raise JobError(
            f"{name} version {version} carries deletion vectors, which the training feed does not read; "
            f"run in Spark SQL: REORG TABLE delta.`{location}` APPLY (PURGE)"
        )
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        raise JobError(
            f"{name} version {version} maps columns to other names in its files, which the training feed "
            f"does not read; copy it: CREATE TABLE … USING delta AS SELECT * FROM delta.`{location}`"
        )
    live.sort(key=lambda row: str(row["path"]))
    # The log holds paths as URIs: a space in a partition's value comes as %20.
    files = tuple(f"{location}/{unquote(row['path'])}" for row in live)
    gone = [file for file in files if "://" not in file and not Path(file).is_file()]
    if gone:
        raise files_gone(name, version, gone[0])
    rows = tuple(
        _stored_rows(file) if row.get("num_records") is None else int(row["num_records"])
        for file, row in zip(files, live, strict=True)
    )
    return PinnedTable(name=name, path=location, version=version, files=files, rows=rows)


def files_gone(name: str, version: int, file: str) -> JobError:
    """What to tell where files of a version are no longer there."""
    return JobError(
        f"files of {name} version {version} are gone, vacuumed or removed ({file}); use a newer version, or "
        "bring the files back from a backup; what delta.deletedFileRetentionDuration says is kept that long"
    )


def _opened(name: str, location: str, version: int) -> DeltaTable:
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        return DeltaTable(location, version=version)
    except DeltaError as error:
        if not DeltaTable.is_deltatable(location):
            raise
        raise JobError(
            f"the log of {name} has no version {version}: it was cleaned up, or never came to be; use a "
            f"version that DESCRIBE HISTORY delta.`{location}` lists"
        ) from error


def _stored_rows(file: str) -> int:
    """Rows of a file that was added to the log without statistics."""
    import fsspec
    import pyarrow.parquet as pq

    with fsspec.open(file, "rb") as stream:
        return int(pq.ParquetFile(stream).metadata.num_rows)

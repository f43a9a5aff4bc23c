"""The live files of one table version, for readers of plain Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from invoicelake.errors import JobError


@dataclass(frozen=True)
class PinnedTable:
    """The live files of one table version, in a stable order, with the rows that each holds."""

    name: str
    path: str
    version: int
    files: tuple[str, ...]
    rows: tuple[int, ...]


def pin_files(name: str, location: str, version: int, partition: Mapping[str, str]) -> PinnedTable:
    """The live files of one version of the table at `location`, read from its log without Spark."""
    import pyarrow as pa
    from deltalake import DeltaTable

    table = DeltaTable(location, version=version)
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
    live.sort(key=lambda row: str(row["path"]))
    return PinnedTable(
        name=name,
        path=location,
        version=version,
        # The log holds paths as URIs: a space in a partition's value comes as %20.
        files=tuple(f"{location}/{unquote(row['path'])}" for row in live),
        rows=tuple(row["num_records"] for row in live),
    )

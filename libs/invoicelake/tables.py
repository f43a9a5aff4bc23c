"""The only place that reads or writes Delta tables."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from invoicelake.errors import JobError
from invoicelake.table_spec import TableSpec

if TYPE_CHECKING:
    from delta import DeltaTable
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType


@dataclass(frozen=True)
class Committed:
    """What became of a write: the table's version, and how many rows were new, changed or removed."""

    version: int
    changed: int


@dataclass(frozen=True)
class PinnedTable:
    """The live files of one table version, in a stable order, with the rows that each holds."""

    name: str
    path: str
    version: int
    files: tuple[str, ...]
    rows: tuple[int, ...]


class Lake:
    """Delta tables under one folder or URL, as declared in `specs`.

    Args:
        path: folder or URL; a table lies at `path/layer/name`.
        written_by: what every commit carries as `userMetadata`, such as job and git commit.
    """

    def __init__(
        self, spark: SparkSession, path: str, specs: Mapping[str, TableSpec], written_by: Mapping[str, str]
    ) -> None:
        self.spark = spark
        self.path = local_path(path) or path.rstrip("/")
        self.specs = specs
        self._written_by = json.dumps(dict(written_by), sort_keys=True)

    def location(self, name: str) -> str:
        """Folder or URL of the table `layer.name`."""
        return f"{self.path}/{name.replace('.', '/')}"

    def side_folder(self, name: str) -> str:
        """A folder for what is no table: beside the tables, or in the working folder for a URL."""
        return f"{local_path(self.path) or Path.cwd()}/{name}"

    def exists(self, name: str) -> bool:
        """Whether the table has been created."""
        from delta import DeltaTable

        return DeltaTable.isDeltaTable(self.spark, self.location(name))

    def read(self, name: str, version: int | None = None) -> DataFrame:
        """The table, as of `version` if given.

        Raises:
            JobError: the table is not there, or has another schema than declared.
        """
        if not self.exists(name):
            raise JobError(
                f"there is no table {name} in {self.path}; run the jobs before this one (see --help)"
            )
        self._require_schema(name, self._table(name).toDF().schema)
        reader = self.spark.read.format("delta")
        return (reader if version is None else reader.option("versionAsOf", version)).load(
            self.location(name)
        )

    def version(self, name: str) -> int:
        """The table's newest version."""
        newest = self._table(name).history(1).select("version").first()
        assert newest is not None
        return int(newest["version"])

    def upsert(self, name: str, frame: DataFrame, replaces: str | None = None) -> Committed:
        """Bring `frame` in by the table's key: new rows are added, changed ones updated, equal ones left.

        Nothing is committed when nothing changed.

        Args:
            frame: the table's columns but its time stamps, unique in the key.
            replaces: an SQL condition; rows of the table that meet it and are not in `frame` are removed.

        Raises:
            JobError: a table of another schema lies there, or another job wrote at the same moment.
        """
        from pyspark.errors import PySparkException

        spec = self.specs[name]
        self._create_if_missing(spec)
        changes = self._changes(spec, frame, replaces).persist()
        try:
            changed = changes.count()
            if changed:
                self._merge(spec, changes)
            return Committed(version=self.version(name), changed=changed)
        except PySparkException as error:
            if "Concurrent" in type(error).__name__ or "DELTA_CONCURRENT" in str(error):
                raise JobError(f"another job wrote {name} at the same moment; run this job again") from error
            raise
        finally:
            changes.unpersist()

    def pin(self, name: str, partition: Mapping[str, str], version: int | None = None) -> PinnedTable:
        """The live files of one version whose partition has the given values.

        Raises:
            JobError: the files carry deletion vectors, which readers of plain Parquet would miss.
        """
        pinned_version = self.version(name) if version is None else version
        return pin_files(name, self.location(name), pinned_version, partition)

    def _table(self, name: str) -> DeltaTable:
        from delta import DeltaTable

        return DeltaTable.forPath(self.spark, self.location(name))

    def _create_if_missing(self, spec: TableSpec) -> None:
        from delta import DeltaTable

        if self.exists(spec.full_name):
            self._require_schema(spec.full_name, self._table(spec.full_name).toDF().schema)
            return
        self._sign()
        builder = (
            DeltaTable.create(self.spark).location(self.location(spec.full_name)).comment(spec.description)
        )
        for column in spec.columns:
            builder = builder.addColumn(
                column.name, column.type, nullable=column.nullable, comment=column.full_comment
            )
        for key, value in spec.properties.items():
            builder = builder.property(key, value)
        builder.partitionedBy(*spec.partition_by).execute()
        for constraint in spec.constraints:
            self.spark.sql(
                f"ALTER TABLE delta.`{self.location(spec.full_name)}` "
                f"ADD CONSTRAINT {constraint.name} CHECK ({constraint.expression})"
            )

    def _require_schema(self, name: str, found: StructType) -> None:
        declared = self.spark.createDataFrame([], self.specs[name].ddl).schema
        expected = {field.name: field.dataType.simpleString() for field in declared}
        present = {field.name: field.dataType.simpleString() for field in found}
        if present != expected:
            differing = sorted(set(expected.items()) ^ set(present.items()))
            columns = ", ".join(sorted({column for column, _ in differing}))
            raise JobError(
                f"{self.location(name)} holds a table of another schema than {name} is declared with "
                f"(differs in: {columns}); move it away or choose another lake.path"
            )

    def _changes(self, spec: TableSpec, frame: DataFrame, replaces: str | None) -> DataFrame:
        """Rows of `frame` that are new or differ, and rows to remove; with time stamps and `is_removed`."""
        from pyspark.sql import functions as F

        present = self.spark.read.format("delta").load(self.location(spec.full_name))
        old = present.select(*spec.key, *spec.compared, F.lit(True).alias("is_present")).alias("old")
        keys_agree = _all([F.col(f"new.{key}") == F.col(f"old.{key}") for key in spec.key])
        differs = ~_all([F.col(f"new.{name}").eqNullSafe(F.col(f"old.{name}")) for name in spec.compared])
        is_new = F.col("old.is_present").isNull()
        changed = frame.alias("new").join(old, keys_agree, how="left").where(is_new | differs).select("new.*")
        stamps = {
            column.name: F.current_timestamp()
            for column in spec.columns
            if column.type == "timestamp" and column.name not in frame.columns
        }
        stamped = changed.withColumns(stamps).select(*spec.column_names, F.lit(False).alias("is_removed"))
        if replaces is None:
            return stamped
        gone = present.where(replaces).join(frame.select(*spec.key), on=list(spec.key), how="left_anti")
        return stamped.unionByName(gone.select(*spec.column_names, F.lit(True).alias("is_removed")))

    def _merge(self, spec: TableSpec, changes: DataFrame) -> None:
        self._sign()
        columns = {name: f"changes.{name}" for name in spec.column_names}
        keys_agree = " AND ".join(f"present.{key} = changes.{key}" for key in spec.key)
        (
            self._table(spec.full_name)
            .alias("present")
            .merge(changes.alias("changes"), keys_agree)
            .whenMatchedDelete("changes.is_removed")
            .whenMatchedUpdate(set=dict(columns))
            .whenNotMatchedInsert(values=dict(columns))
            .execute()
        )

    def _sign(self) -> None:
        self.spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", self._written_by)


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


def local_path(path: str) -> str | None:
    """The absolute folder that `path` names on this machine; None for a URL of another store."""
    parsed = urlparse(path)
    if parsed.scheme == "file":
        return unquote(parsed.path)
    return None if "://" in path else str(Path(path).expanduser().resolve())


def require_writable(path: str) -> None:
    """Create the folder if it is on this machine.

    Raises:
        JobError: it cannot be created or written to.
    """
    folder = local_path(path)
    if folder is None:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(
            f"cannot create the lake folder {folder}: {error.strerror}; set lake.path=DIR"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise JobError(f"the lake folder {folder} is not writable; make it so, or set lake.path=DIR")


def _all(conditions: Sequence[Column]) -> Column:
    from pyspark.sql import functions as F

    return reduce(lambda left, right: left & right, conditions, F.lit(True))

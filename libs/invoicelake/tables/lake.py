"""Delta tables as declared: created, read, and written so that the same rows change nothing."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from invoicelake.errors import JobError
from invoicelake.table_spec import TableSpec
from invoicelake.tables.changes import changes, stamped
from invoicelake.tables.locations import local_path
from invoicelake.tables.log import newest_version
from invoicelake.tables.pinning import PinnedTable, pin_files
from invoicelake.tables.slices import Slice

if TYPE_CHECKING:
    from delta import DeltaTable
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

log = logging.getLogger(__name__)

_ATTEMPTS = 4
_ROWS_PER_FILE = 250_000


@dataclass(frozen=True)
class Committed:
    """What became of a write: the table's version, and how many rows were new, changed or removed."""

    version: int
    changed: int


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
        newest = self._table(name).toDF()
        self._require_schema(name, newest.schema)
        if version is None:
            return newest
        reader = self.spark.read.format("delta").option("versionAsOf", version)
        return reader.load(self.location(name))

    def read_or_empty(self, name: str) -> DataFrame:
        """The table, or no rows in its declared columns where it has not been created."""
        if self.exists(name):
            return self.read(name)
        return self.spark.createDataFrame([], self.specs[name].ddl)

    def version(self, name: str) -> int:
        """The table's newest version."""
        return newest_version(self.spark, self.location(name))

    def history(self, name: str, commits: int | None = None) -> DataFrame:
        """The table's commits as `DESCRIBE HISTORY` shows them, newest first; all, or that many."""
        log_of = self._table(name).history
        return log_of() if commits is None else log_of(commits)

    def upsert(
        self, name: str, frame: DataFrame, replaces: str | Slice | None = None, rows: int | None = None
    ) -> Committed:
        """Bring `frame` in by the table's key: new rows are added, changed ones updated, equal ones left.

        Nothing is committed when nothing changed. What another job commits to the same rows in the meantime
        is taken into account by comparing again.

        Args:
            frame: the table's columns but its time stamps, unique in the key; all in `replaces`, if a slice.
            replaces: rows of the table that meet it and are not in `frame` are removed; of a slice, nothing
                outside is read.
            rows: the number of rows of `frame`, if known; it settles how many files they make.

        Raises:
            JobError: a table of another schema lies there, or other jobs kept writing at the same moment.
        """
        from pyspark.errors import PySparkException

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._create_if_missing(self.specs[name])
                return self._bring_in(self.specs[name], frame, replaces, rows)
            except PySparkException as error:
                if not _is_conflict(error):
                    raise
                log.info(
                    "another job wrote %s at the same moment; attempt %d of %d", name, attempt, _ATTEMPTS
                )
        raise JobError(f"another job wrote {name} at the same moment; run this job again")

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
        self.sign()
        location = self.location(spec.full_name)
        # Two jobs may find it missing at the same moment; the second then finds it made.
        builder = DeltaTable.createIfNotExists(self.spark).location(location).comment(spec.description)
        for column in spec.columns:
            builder = builder.addColumn(
                column.name, column.type, nullable=column.nullable, comment=column.full_comment
            )
        # CHECK constraints are properties too: one commit makes the table whole.
        checks = {f"delta.constraints.{each.name}": each.expression for each in spec.constraints}
        for key, value in {**spec.properties, **checks}.items():
            builder = builder.property(key, value)
        if spec.cluster_by:
            builder = builder.clusterBy(*spec.cluster_by)
        else:
            builder = builder.partitionedBy(*spec.partition_by)
        builder.execute()

    def _require_schema(self, name: str, found: StructType) -> None:
        expected = _declared_types(self.spark, self.specs[name].ddl)
        present = {field.name: field.dataType.simpleString() for field in found}
        if present != expected:
            differing = sorted(set(expected.items()) ^ set(present.items()))
            columns = ", ".join(sorted({column for column, _ in differing}))
            raise JobError(
                f"{self.location(name)} holds a table of another schema than {name} is declared with "
                f"(differs in: {columns}); move it away or choose another lake.path"
            )

    def _bring_in(
        self, spec: TableSpec, frame: DataFrame, replaces: str | Slice | None, rows: int | None
    ) -> Committed:
        within, condition = (replaces, replaces.sql()) if isinstance(replaces, Slice) else (None, replaces)
        present = self._table(spec.full_name).toDF()
        if within:
            present = present.where(within.sql())
        if present.isEmpty():
            return self._insert(spec, stamped(frame, spec), within, rows)
        differing = changes(present, frame, spec, condition).persist()
        try:
            changed = differing.count()
            if changed:
                self._merge(spec, _in_files(differing, spec, changed), within)
            return Committed(version=self.version(spec.full_name), changed=changed)
        finally:
            differing.unpersist()

    def _insert(self, spec: TableSpec, frame: DataFrame, within: Slice | None, rows: int | None) -> Committed:
        """Rows into a table or slice that has none: with nothing to compare, one pass is enough."""
        if rows == 0 or (rows is None and frame.isEmpty()):
            return Committed(version=self.version(spec.full_name), changed=0)
        self.sign()
        # A merge and no append: an append reads nothing, so the same rows from two jobs at once would be kept
        # twice.
        (
            self._table(spec.full_name)
            .alias("present")
            .merge(_in_files(frame, spec, rows).alias("changes"), _keys_agree(spec, within))
            .whenNotMatchedInsert(values={name: f"changes.{name}" for name in spec.column_names})
            .execute()
        )
        inserted = frame.count() if rows is None else rows
        return Committed(version=self.version(spec.full_name), changed=inserted)

    def _merge(self, spec: TableSpec, differing: DataFrame, within: Slice | None) -> None:
        self.sign()
        columns = {name: f"changes.{name}" for name in spec.column_names}
        (
            self._table(spec.full_name)
            .alias("present")
            .merge(differing.alias("changes"), _keys_agree(spec, within))
            .whenMatchedDelete("changes.is_removed")
            .whenMatchedUpdate(set=dict(columns))
            .whenNotMatchedInsert(values=dict(columns))
            .execute()
        )

    def sign(self) -> None:
        """Let the next commits of this session carry who wrote them."""
        self.spark.conf.set("spark.databricks.delta.commitInfo.userMetadata", self._written_by)


def _keys_agree(spec: TableSpec, within: Slice | None) -> str:
    agree = [f"present.{key} = changes.{key}" for key in spec.key]
    return " AND ".join([*agree, *([within.sql("present")] if within else [])])


def _in_files(frame: DataFrame, spec: TableSpec, rows: int | None) -> DataFrame:
    """The rows in as many partitions as files are wanted, neighbours in the clustering columns together."""
    if rows is None:
        return frame
    files = math.ceil(rows / _ROWS_PER_FILE)
    if files <= 1:
        return frame.coalesce(1)
    return frame.repartitionByRange(files, *spec.cluster_by) if spec.cluster_by else frame


def _is_conflict(error: PySparkException) -> bool:
    """Whether another writer was in the way; Delta's Python classes for it have no base class in common."""
    name = type(error).__name__
    return "Concurrent" in name or name in ("MetadataChangedException", "ProtocolChangedException")


@cache
def _declared_types(spark: SparkSession, ddl: str) -> Mapping[str, str]:
    declared = spark.createDataFrame([], ddl).schema
    return {field.name: field.dataType.simpleString() for field in declared}

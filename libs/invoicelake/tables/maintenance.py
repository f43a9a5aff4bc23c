"""Tables kept compact, clustered and no larger than the past that they must show."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoicelake.config import Maintenance
from invoicelake.errors import JobError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from invoicelake.table_spec import TableSpec
    from invoicelake.tables.lake import Lake

log = logging.getLogger(__name__)

_FILES_KEPT = "delta.deletedFileRetentionDuration"
_HOURS = {"hour": 1, "day": 24, "week": 168}
_OPTIMIZE = "spark.databricks.delta.optimize"
_RETENTION_CHECK = "spark.databricks.delta.retentionDurationCheck.enabled"


@dataclass(frozen=True)
class Size:
    """Files and bytes that a table's newest version has, and all that lie in its folder, log included."""

    files: int
    size_bytes: int
    stored_files: int
    stored_bytes: int


@dataclass(frozen=True)
class Maintained:
    """What became of a table: its version, and its size before and after."""

    version: int
    before: Size
    after: Size

    @property
    def counts(self) -> dict[str, int]:
        """As a job reports them."""
        sizes = {"before": vars(self.before), "after": vars(self.after)}
        named = {f"{name}_{when}": count for when, size in sizes.items() for name, count in size.items()}
        return {"version": self.version, **named}


def maintain(lake: Lake, name: str, settings: Maintenance) -> Maintained:
    """Set the properties that the table is declared with, compact it, and remove files that nobody asks for.

    Small files of a table with clustering columns are rewritten so that neighbours lie together. Each step
    commits something only where there is something to do.
    """
    spec = lake.specs[name]
    location = lake.location(name)
    before = _size(lake.spark, location)
    lake.sign()
    _declare_properties(lake.spark, location, spec)
    _optimize(lake.spark, name, location, settings.target_file_mb)
    _vacuum(lake.spark, location, max(settings.retention_hours, declared_hours(spec)), settings)
    return Maintained(lake.version(name), before, _size(lake.spark, location))


def declared_hours(spec: TableSpec) -> int:
    """How long the table asks for files of old versions to be kept; 0 where it does not.

    Raises:
        JobError: it is declared in another form than `interval N days`.
    """
    declared = spec.properties.get(_FILES_KEPT)
    if declared is None:
        return 0
    interval = re.fullmatch(r"interval (\d+) (hour|day|week)s?", declared)
    if interval is None:
        raise JobError(
            f"{_FILES_KEPT} of {spec.full_name} is {declared!r}, expected something like "
            "'interval 400 days'; mend it in conf/tables"
        )
    return int(interval[1]) * _HOURS[interval[2]]


def _declare_properties(spark: SparkSession, location: str, spec: TableSpec) -> None:
    """Properties declared since the table was made."""
    present: Mapping[str, str] = _detail(spark, location)["properties"]
    missing = {key: value for key, value in spec.properties.items() if present.get(key) != value}
    if missing:
        pairs = ", ".join(f"'{key}' = '{value}'" for key, value in missing.items())
        spark.sql(f"ALTER TABLE delta.`{location}` SET TBLPROPERTIES ({pairs})")


def _optimize(spark: SparkSession, name: str, location: str, target_file_mb: int) -> None:
    from delta import DeltaTable
    from pyspark.errors import PySparkException

    if _detail(spark, location)["numFiles"] < 2:
        return
    target = str(target_file_mb * 1024 * 1024)
    with _set(spark, {f"{_OPTIMIZE}.maxFileSize": target, f"{_OPTIMIZE}.minFileSize": target}):
        try:
            DeltaTable.forPath(spark, location).optimize().executeCompaction()
        except PySparkException as error:
            if "Concurrent" not in type(error).__name__ and "DELTA_CONCURRENT" not in str(error):
                raise
            log.warning(
                "%s: another job wrote it at the same moment; it stays as it is until next time", name
            )


def _vacuum(spark: SparkSession, location: str, hours: int, settings: Maintenance) -> None:
    from delta import DeltaTable

    session = {
        _RETENTION_CHECK: "false" if settings.short_retention_reason else "true",
        # The log of a table that nothing happens to should not grow by being looked after.
        "spark.databricks.delta.vacuum.logging.enabled": "false",
        # Folders are listed in as many tasks as this, 10,000 by default, however few there are.
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": str(
            spark.sparkContext.defaultParallelism
        ),
    }
    with _set(spark, session):
        DeltaTable.forPath(spark, location).vacuum(hours)


def _size(spark: SparkSession, location: str) -> Size:
    detail = _detail(spark, location)
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    path = jvm.org.apache.hadoop.fs.Path(location)
    stored = path.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf()).getContentSummary(path)
    return Size(detail["numFiles"], detail["sizeInBytes"], stored.getFileCount(), stored.getLength())


def _detail(spark: SparkSession, location: str) -> dict[str, Any]:
    from delta import DeltaTable

    detail = DeltaTable.forPath(spark, location).detail().first()
    assert detail is not None
    return detail.asDict()


@contextmanager
def _set(spark: SparkSession, values: Mapping[str, str]) -> Iterator[None]:
    """Settings of the session that hold for a while."""
    before = {key: spark.conf.get(key, None) for key in values}
    try:
        for key, value in values.items():
            spark.conf.set(key, value)
        yield
    finally:
        for key, old in before.items():
            spark.conf.unset(key) if old is None else spark.conf.set(key, old)

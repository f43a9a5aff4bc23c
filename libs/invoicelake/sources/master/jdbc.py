"""Master data in PostgreSQL, through Spark's JDBC reader: in parts, and only what changed.

The password comes from the environment alone and is in no message; Spark itself redacts it in plans and logs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession, functions as F, types as T

from invoicelake import config
from invoicelake.errors import JobError

_SECRET = re.compile(r"[?&](ssl)?password=|//[^/]*@|[?&]user=", re.IGNORECASE)
_CAUSE = re.compile(r"(?:PSQLException|SQLException|SocketTimeoutException|IOException): ?(.*)")
_REFUSED = "master.user or the password in the variable that master.password_env names is wrong: mend it"
# What the driver says, and what to do about it; the first that fits counts.
_CURES = (
    (r"authentication failed|no password was provided|password-based auth|pg_hba", _REFUSED),
    (r"role \".*\" does not exist", _REFUSED),
    (r"database \".*\" does not exist", "mend the name of the database in master.url"),
    (r"relation .* does not exist|schema .* does not exist", "create the table, or set master.schema_name"),
    (r"permission denied", "let master.user read the table"),
    (
        r"canceling statement|Read timed out|timeout",
        "see what holds it up, or set master.query_timeout_s higher",
    ),
    (
        r"refused|connection attempt|UnknownHost|starting up|shutting down|too many (clients|connections)",
        "start the database, or mend master.url",
    ),
    (r"", "the connection was lost: run the job again"),
)


@dataclass(frozen=True)
class Database:
    """A PostgreSQL database and how it is read."""

    settings: config.Master
    options: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, settings: config.Master) -> Database:
        """The database of the settings.

        Raises:
            JobError: no URL or user was given, or the URL holds a user or password.
        """
        if not settings.url or not settings.user:
            raise JobError("master.format=jdbc needs a database; add master.url=… and master.user=…")
        if _SECRET.search(settings.url):
            raise JobError(
                "master.url holds a user or a password; give master.user, and the password in the "
                f"environment variable {settings.password_env}"
            )
        if not settings.url.startswith("jdbc:postgresql:"):
            raise JobError(f"master.url should begin with jdbc:postgresql:, it is {settings.url}")
        silence_s = settings.connect_timeout_s + settings.query_timeout_s
        options = {
            "url": settings.url,
            "driver": "org.postgresql.Driver",
            "user": settings.user,
            "fetchsize": str(settings.fetch_rows),
            "queryTimeout": str(settings.query_timeout_s),
            "connectTimeout": str(settings.connect_timeout_s),
            "loginTimeout": str(settings.connect_timeout_s),
            # Longer than a query may take, so that the database says by itself that one took too long.
            "socketTimeout": str(silence_s),
            "tcpKeepAlive": "true",
            "ApplicationName": "invoicelake",
            "readOnly": "true",
        }
        password = os.environ.get(settings.password_env)
        return cls(settings, options | ({"password": password} if password else {}))

    def rows(
        self, spark: SparkSession, table: str, columns: list[str], watermark: datetime | None
    ) -> DataFrame:
        """One row per row of the table: `id`, `columns` as strings, `updated_at` (UTC), `damaged` (null).

        Read are rows whose `updated_at` is at or after the watermark, less `master.overlap_s`, and those that
        have none. A watermark in the future counts as the present of the database, or one wrong row would
        hide all later changes.

        Raises:
            JobError: the database cannot be reached, refuses, or lacks the table or a column.
        """
        relation = f'"{self.settings.schema_name}"."{table}"'
        with translated(self, table):
            schema = self._reader(spark, f"SELECT * FROM {relation} LIMIT 0").schema
            _require_columns(schema, ["id", *columns, "updated_at"], relation)
            changed = f"SELECT * FROM {relation}{self._condition(watermark)}"
            lowest, highest = self._bounds(spark, changed)
            reader = (
                spark.read.format("jdbc").options(**self.options).option("dbtable", f"({changed}) AS found")
            )
            if highest > lowest:
                reader = (
                    reader.option("partitionColumn", "id")
                    .option("lowerBound", str(lowest))
                    .option("upperBound", str(highest + 1))
                    .option("numPartitions", str(self.settings.partitions))
                )
            found = reader.load()
        return found.select(
            F.col("id").cast("string").alias("id"),
            *[F.col(name).cast("string").alias(name) for name in columns],
            F.col("updated_at").cast("timestamp").alias("updated_at"),
            F.lit(None).cast("string").alias("damaged"),
        )

    def _bounds(self, spark: SparkSession, query: str) -> tuple[int, int]:
        """Lowest and highest id of what will be read; one partition is enough where both are the same."""
        bounds = self._reader(
            spark, f"SELECT min(id)::bigint AS lowest, max(id)::bigint AS highest FROM ({query}) AS found"
        )
        first = bounds.first()
        assert first is not None
        return (int(first["lowest"] or 0), int(first["highest"] or 0))

    def _reader(self, spark: SparkSession, query: str) -> DataFrame:
        return (
            spark.read.format("jdbc").options(**self.options).option("dbtable", f"({query}) AS found").load()
        )

    def _condition(self, watermark: datetime | None) -> str:
        if watermark is None:
            return ""
        since = (watermark - timedelta(seconds=self.settings.overlap_s)).astimezone(UTC)
        moment = f"TIMESTAMPTZ '{since:%Y-%m-%d %H:%M:%S.%f}+00'"
        return f" WHERE updated_at IS NULL OR updated_at >= least({moment}, now())"


@contextmanager
def materialised(rows: DataFrame, database: Database, table: str) -> Iterator[None]:
    """Fetch all rows now, so that nothing is written when the database is gone half-way.

    Raises:
        JobError: it could not be read to the end.
    """
    rows.persist()
    try:
        with translated(database, table):
            rows.count()
        yield
    finally:
        rows.unpersist()


@contextmanager
def translated(database: Database, table: str) -> Iterator[None]:
    """Turn what Spark and the driver throw into a message with a cure."""
    try:
        yield
    except (Py4JJavaError, PySparkException) as error:
        text = str(error)
        causes = _CAUSE.findall(text)
        if not causes:
            raise
        told = causes[-1].strip() or "the connection broke"
        cure = next(cure for pattern, cure in _CURES if re.search(pattern, told))
        raise JobError(
            f"{table} could not be read from {database.settings.url}: {told}; {cure}", details=text
        ) from None


def _require_columns(schema: T.StructType, expected: list[str], relation: str) -> None:
    missing = [name for name in expected if name not in schema.fieldNames()]
    if missing:
        raise JobError(
            f"{relation} lacks the columns {', '.join(missing)}, it has {', '.join(schema.fieldNames())}; "
            "add them, or give a view that has them"
        )
    if not isinstance(schema["id"].dataType, (T.IntegralType, T.DecimalType)):
        raise JobError(f"{relation} has an id that is no whole number, which is needed to read it in parts")
    if not isinstance(schema["updated_at"].dataType, (T.TimestampType, T.TimestampNTZType, T.DateType)):
        raise JobError(f"{relation} has an updated_at that is no time stamp; give a view where it is one")

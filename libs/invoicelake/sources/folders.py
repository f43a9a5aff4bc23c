"""Files of a folder or an object-store prefix, as rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake.errors import JobError
from invoicelake.tables import local_path


def require_folder(path: str | None, source: str) -> str:
    """The input folder, as `users_folder` gives it.

    Raises:
        JobError: it was not given, is not there, is no folder, or may not be read.
    """
    if path is None:
        raise JobError(f"input.format={source} needs a folder; add input.path=DIR")
    return users_folder(path, "input.path", f"a folder of {source} documents")


def users_folder(path: str, setting: str, expected: str = "a folder") -> str:
    """The user's folder, absolute where it is on this machine; a URL is taken as it is.

    Args:
        setting: name of the setting that it came from, for messages.
        expected: what it should be, for messages.

    Raises:
        JobError: it is not there, is no folder, or may not be read.
    """
    folder = local_path(path)
    if folder is None:
        return path.rstrip("/")
    if not Path(folder).is_dir():
        found = "a file" if Path(folder).exists() else "nothing"
        raise JobError(f"expected {expected} at {setting}={path}, found {found} there")
    try:
        next(Path(folder).iterdir(), None)
    except PermissionError as error:
        raise JobError(f"{setting}={path} may not be read; check its permissions") from error
    return folder


def read_files(spark: SparkSession, folder: str) -> DataFrame:
    """The files directly in `folder`: path, name without folder and ending, content; none if it is not there.

    Files whose names begin with a point or an underscore are none, as everywhere in Spark.
    """
    # Spark leaves files of no length out without a word (`PartitioningAwareFileIndex.listFiles`).
    empty = spark.createDataFrame(
        [(path, b"") for path, size in list_files(spark, folder).items() if size == 0],
        "path string, content binary",
    )
    try:
        files = spark.read.format("binaryFile").load(f"{literal(folder)}/*").select("path", "content")
    except AnalysisException as error:
        _require_missing(error)
        files = empty.limit(0)
    name = F.regexp_replace(F.element_at(F.split("path", "/"), -1), r"(?<=.)\.[^.]*$", "")
    return files.unionByName(empty).select("path", name.alias("name"), "content")


def list_files(spark: SparkSession, folder: str) -> dict[str, int]:
    """Path and size in bytes of each file directly in `folder`; none if it is not there.

    Files whose names begin with a point or an underscore are none, as everywhere in Spark.
    """
    java = spark._jvm
    assert java is not None
    place = java.org.apache.hadoop.fs.Path(folder)
    system = place.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    if not system.exists(place):
        return {}
    listed = system.listFiles(place, False)
    found = {}
    while listed.hasNext():
        status = listed.next()
        if status.getPath().getName()[0] not in "._":
            found[status.getPath().toString()] = int(status.getLen())
    return found


def read_contents(spark: SparkSession, sizes: Mapping[str, int]) -> DataFrame:
    """`path` and `content` of each file, given its size in bytes, as `list_files` tells it."""
    # Spark leaves files of no length out without a word (`PartitioningAwareFileIndex.listFiles`).
    empty = [(path, b"") for path, size in sizes.items() if size == 0]
    filled = [literal(path) for path, size in sizes.items() if size > 0]
    files = spark.createDataFrame(empty, "path string, content binary")
    if not filled:
        return files
    read = spark.read.format("binaryFile").load(filled).select("path", "content")
    return read.unionByName(files) if empty else read


def read_rows(spark: SparkSession, file: str, *columns: str) -> DataFrame:
    """The named columns of a CSV file with a head row, as strings; no rows if it is not there."""
    try:
        return spark.read.csv(literal(file), header=True).select(*columns)
    except AnalysisException as error:
        _require_missing(error)
        return spark.createDataFrame([], ", ".join(f"{column} string" for column in columns))


def literal(path: str) -> str:
    """The path with what Hadoop takes for wildcards escaped."""
    return re.sub(r"([{}\[\]*?\\])", r"\\\1", path)


def _require_missing(error: AnalysisException) -> None:
    if error.getErrorClass() != "PATH_NOT_FOUND":
        raise error

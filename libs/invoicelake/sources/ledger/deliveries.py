"""Which days were delivered, and what is in their files."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from invoicelake.errors import JobError
from invoicelake.sources.folders import list_files, read_contents
from invoicelake.sources.ledger.parsing import COLUMNS, SCHEMA, Parsed, count_lines, parse_file

log = logging.getLogger(__name__)

_NAME = re.compile(r"^(\d{4}-\d{2}-\d{2})\.csv$")
_FINGERPRINT = "delivery_day date, source_uri string, delivery_sha256 string, size_bytes bigint, lines bigint"
_REASON = ("reason", "detail", "content", "extra_columns")
_PARSED = pa.schema(
    [("delivery_day", pa.date32()), ("source_uri", pa.string()), *SCHEMA]
    + [(name, pa.string()) for name in _REASON]
)
_PARSED_DDL = "delivery_day date, source_uri string, line_number int, " + ", ".join(
    f"{name} string" for name in (*COLUMNS.values(), *_REASON)
)


@dataclass(frozen=True)
class DeliveredFile:
    """The file of one day."""

    day: date
    path: str
    size_bytes: int


def delivered_files(
    spark: SparkSession, folder: str, since: date | None, until: date | None
) -> list[DeliveredFile]:
    """The files of the days between `since` and `until`, in order.

    Raises:
        JobError: there is no file of the form YYYY-MM-DD.csv in the folder, or none of the days asked for.
    """
    listed = {path.rsplit("/", 1)[-1]: (path, size) for path, size in list_files(spark, folder).items()}
    found = [DeliveredFile(day, *listed[name]) for name in sorted(listed) if (day := _day(name))]
    others = sorted(listed.keys() - {f"{file.day}.csv" for file in found})
    if others:
        log.warning(
            "left alone in %s, their names being no YYYY-MM-DD.csv: %s", folder, ", ".join(others[:5])
        )
    if not found:
        raise JobError(f"no ledger files in {folder}; expected files named YYYY-MM-DD.csv")
    asked = [file for file in found if (since or file.day) <= file.day <= (until or file.day)]
    if not asked:
        first, last = since or found[0].day, until or found[-1].day
        span = str(first) if first == last else f"{first} to {last}"
        raise JobError(
            f"no ledger file of {span} in {folder}, which holds {found[0].day} to {found[-1].day}; "
            "have the day delivered, or ask for one that is there"
        )
    return asked


def _day(name: str) -> date | None:
    matched = _NAME.match(name)
    try:
        return date.fromisoformat(matched[1]) if matched else None
    except ValueError:
        return None


def fingerprints(spark: SparkSession, files: list[DeliveredFile]) -> DataFrame:
    """What each file is, without parsing it: its day, path, SHA-256, size in bytes and data lines."""
    days = {file.path: file.day for file in files}

    def digest(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for path, content in _files_of(batches):
            row = (days[path], path, hashlib.sha256(content).hexdigest(), len(content), count_lines(content))
            yield pa.RecordBatch.from_arrays(
                [pa.array([value]) for value in row],
                names=["delivery_day", "source_uri", "delivery_sha256", "size_bytes", "lines"],
            )

    return _contents(spark, files).mapInArrow(digest, _FINGERPRINT)


def parsed_lines(spark: SparkSession, files: list[DeliveredFile]) -> DataFrame:
    """The files' lines, in text: the columns of bronze.ledger_line and of its rejects.

    `reason` is null where a line is accepted. A line 0 without a reason names the `extra_columns` of a file.
    """
    days = {file.path: file.day for file in files}

    def parse(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for path, content in _files_of(batches):
            yield from _rows(days[path], path, parse_file(content)).to_batches()

    return _contents(spark, files).mapInArrow(parse, _PARSED_DDL)


def _files_of(batches: Iterable[pa.RecordBatch]) -> Iterable[tuple[str, bytes]]:
    for batch in batches:
        paths, contents = batch.columns
        for path, content in zip(paths, contents, strict=True):
            yield path.as_py(), content.as_py()


def _rows(day: date, path: str, parsed: Parsed) -> pa.Table:
    count = parsed.lines.num_rows
    known = [pa.array([day] * count, pa.date32()), pa.array([path] * count, pa.string())]
    nothing = [pa.nulls(count, pa.string())] * len(_REASON)
    accepted = pa.Table.from_arrays([*known, *parsed.lines.columns, *nothing], schema=_PARSED)
    others = [
        {
            "line_number": each.line_number,
            "reason": each.reason,
            "detail": each.detail,
            "content": each.content,
        }
        for each in parsed.rejected
    ]
    if parsed.extra_columns:
        others.append({"line_number": 0, "extra_columns": ", ".join(parsed.extra_columns)})
    identified = [{"delivery_day": day, "source_uri": path, **each} for each in others]
    return pa.concat_tables([accepted, pa.Table.from_pylist(identified, _PARSED)])


def _contents(spark: SparkSession, files: list[DeliveredFile]) -> DataFrame:
    return read_contents(spark, {file.path: file.size_bytes for file in files})

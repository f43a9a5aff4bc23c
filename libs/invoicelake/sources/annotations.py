"""Exports of annotation tools: files of JSON lines, one label each."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, functions as F

from invoicelake.sources.delivered_files import Line, LineRejected, numbered_lines

# Key of the JSON object to column of bronze.annotation.
KEYS = {
    "document": "document",
    "source": "document_source",
    "field": "field",
    "value": "value",
    "annotator": "annotator",
    "annotated_at": "annotated_at",
    "tool": "tool",
}
# No value, as null or empty text, says that the document does not have the field.
_MAY_BE_EMPTY = ("value", "tool")
_TEXTS = (*KEYS.values(), "reason", "detail", "content")
LINES = "file_name string, source_uri string, line_number int, " + ", ".join(f"{n} string" for n in _TEXTS)


def label_of(line: Line, fields: Collection[str]) -> dict[str, str | None]:
    """Read one line of an export.

    Args:
        fields: names that a label's field may have.

    Returns:
        The columns of bronze.annotation; `annotated_at` is as it came, and sure to be a time.

    Raises:
        LineRejected: it is no JSON object, a key is missing or of another type, the field is not known, or
            the time is none.
    """
    found = _object(line)
    missing = [key for key in KEYS if key not in found]
    if missing:
        raise LineRejected("missing_keys", f"not there: {', '.join(missing)}; expected {', '.join(KEYS)}")
    label = {column: _text(key, found[key]) for key, column in KEYS.items()}
    if label["field"] not in fields:
        known = ", ".join(sorted(fields))
        raise LineRejected("unknown_field", f"field {label['field']!r}; expected one of {known}")
    annotated_at(label["annotated_at"] or "")
    return label


def annotated_at(text: str) -> datetime:
    """The moment that a label's time says, in UTC.

    Raises:
        LineRejected: it is no ISO 8601 time, or says no time zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise LineRejected("bad_time", f"{text!r} has no time zone; expected one, such as Z or +02:00")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, LineRejected):
            raise
        raise LineRejected("bad_time", f"{text!r}; expected a time such as 2024-05-31T09:30:00Z") from error


def parser(
    fields: Collection[str],
) -> Callable[[Iterator[Mapping[str, Any]]], Iterable[dict[str, Any]]]:
    """A function that reads the files `file_name, source_uri, content` to rows in the columns `LINES`."""

    def parse_files(files: Iterator[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
        for file in files:
            known = {"file_name": file["file_name"], "source_uri": file["source_uri"]}
            for line in numbered_lines(file["content"]):
                yield {**known, "line_number": line.number, **_row(line, fields)}

    return parse_files


def delivered_annotations(lines: DataFrame, source: str) -> DataFrame:
    """The lines that have the form of a label, in the columns of bronze.annotation."""
    return lines.where("reason IS NULL").select(
        F.lit(source).alias("source"), "file_name", "line_number", *KEYS.values(), "source_uri"
    )


def _row(line: Line, fields: Collection[str]) -> dict[str, str | None]:
    try:
        return label_of(line, fields)
    except LineRejected as rejected:
        return {"reason": rejected.reason, "detail": rejected.detail, "content": line.shown}


def _object(line: Line) -> dict[str, Any]:
    text = line.text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LineRejected("no_json", f"{error}; expected one JSON object a line") from error
    if not isinstance(found, dict):
        raise LineRejected("no_object", f"a {type(found).__name__}; expected a JSON object with keys")
    return found


def _text(key: str, value: object) -> str | None:
    may_be_empty = key in _MAY_BE_EMPTY
    if value is None and may_be_empty:
        return None
    if not isinstance(value, str):
        raise LineRejected("no_text", f"{key} is a {type(value).__name__}; expected text")
    if not value.strip() and not may_be_empty:
        raise LineRejected("no_text", f"{key} is empty; expected text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise LineRejected("no_text", f"{key} holds half a character; expected text") from error
    return value.strip() or None

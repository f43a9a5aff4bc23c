"""Receivables as delivered: CSV files whose columns are found by their names."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pyspark.sql import DataFrame, functions as F

from invoicelake.sources.delivered_files import Line, LineRejected, numbered_lines

# Name in the head line, in any case, to column of bronze.receivable.
COLUMNS = {
    "countrycode": "country",
    "customerid": "customer_id",
    "paperlessdate": "paperless_since",
    "invoicenumber": "invoice_number",
    "invoicedate": "invoice_date",
    "duedate": "due_date",
    "invoiceamount": "amount",
    "disputed": "is_disputed",
    "settleddate": "settled_date",
    "paperlessbill": "bill_format",
    "daystosettle": "days_to_settle",
    "dayslate": "days_late",
}
# Without these a line says nothing; without the day of settlement everything would look unpaid.
REQUIRED = (
    "customerid",
    "invoicenumber",
    "invoicedate",
    "duedate",
    "invoiceamount",
    "disputed",
    "settleddate",
)
_OTHER_DELIMITERS = (";", "\t", "|")
_TEXTS = (*COLUMNS.values(), "other_columns", "reason", "detail", "content")
LINES = "file_name string, source_uri string, line_number int, " + ", ".join(f"{n} string" for n in _TEXTS)


def parse_file(content: bytes) -> Iterator[dict[str, str | int | None]]:
    """Read a delivered file: a row per data line, with `reason`, `detail` and `content` where it is rejected.

    What is wrong with the file as a whole rejects each of its lines, and as line 0 its head. Columns of other
    names are kept in `other_columns`, as JSON.
    """
    lines = numbered_lines(content)
    head = next(lines, None)
    if head is None:
        yield _rejection(0, "empty_file", f"{len(content)} bytes; expected a head line and lines", "")
        return
    try:
        names = _names(head)
    except LineRejected as rejected:
        for line in (Line(0, head.content), *lines):
            yield _rejection(line.number, rejected.reason, rejected.detail, line.shown)
        return
    for line in lines:
        try:
            yield {"line_number": line.number, **_values(line, names)}
        except LineRejected as rejected:
            yield _rejection(line.number, rejected.reason, rejected.detail, line.shown)


def parse_files(files: Iterator[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """`parse_file` for each of the files `file_name, source_uri, content`; rows in the columns `LINES`."""
    for file in files:
        known = {"file_name": file["file_name"], "source_uri": file["source_uri"]}
        for row in parse_file(file["content"]):
            yield known | row


def delivered_receivables(lines: DataFrame, source: str) -> DataFrame:
    """The lines that have the form of a receivable, in the columns of bronze.receivable."""
    return lines.where("reason IS NULL").select(
        F.lit(source).alias("source"),
        "file_name",
        "line_number",
        *COLUMNS.values(),
        "other_columns",
        "source_uri",
    )


def rejected_lines(lines: DataFrame, source: str) -> DataFrame:
    """The others, in the columns of bronze.receivable_rejected or bronze.annotation_rejected."""
    return lines.where("reason IS NOT NULL").select(
        F.lit(source).alias("source"),
        "file_name",
        "line_number",
        "reason",
        "detail",
        "content",
        "source_uri",
    )


def _names(head: Line) -> list[str]:
    names = [_plain(name) for name in _split(head)]
    missing = [name for name in REQUIRED if name not in names]
    if not missing:
        repeated = sorted({name for name in names if name in COLUMNS and names.count(name) > 1})
        if repeated:
            raise LineRejected("repeated_columns", f"named twice: {', '.join(repeated)}; expected once")
        return names
    for mark in _OTHER_DELIMITERS:
        if {_plain(name) for name in head.text.split(mark)}.issuperset(REQUIRED):
            raise LineRejected("wrong_delimiter", f"values are divided by {mark!r}; expected commas")
    raise LineRejected(
        "missing_columns", f"not there: {', '.join(missing)}; the head line is {head.text[:200]!r}"
    )


def _plain(name: str) -> str:
    return name.strip().strip('"').casefold()


def _split(line: Line) -> list[str]:
    text = line.text
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error as error:
        raise LineRejected("malformed_quotes", f"{error}; expected closed quotes on one line") from error


def _values(line: Line, names: list[str]) -> dict[str, str | None]:
    values = [value.strip() or None for value in _split(line)]
    if len(values) != len(names):
        raise LineRejected(
            "column_count", f"{len(values)} values; expected {len(names)}, as many as the head line names"
        )
    by_name = dict(zip(names, values, strict=True))
    others = {name: value for name, value in by_name.items() if name not in COLUMNS and value is not None}
    known = {column: by_name.get(name) for name, column in COLUMNS.items()}
    told = json.dumps(others, ensure_ascii=False, sort_keys=True) if others else None
    return {**known, "other_columns": told}


def _rejection(number: int, reason: str, detail: str, content: str) -> dict[str, str | int | None]:
    return {"line_number": number, "reason": reason, "detail": detail, "content": content}

"""One delivered file to its lines: what has the form of a ledger line, and what has not, with the reason.

Nothing here knows Spark. A sound file goes through Arrow's CSV reader; one with anything odd is read line by
line, so that a single bad line costs itself alone.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.csv

# Head of the file to column of bronze.ledger_line.
COLUMNS = {
    "InvoiceNo": "invoice_number",
    "StockCode": "stock_code",
    "Description": "description",
    "Quantity": "quantity",
    "InvoiceDate": "booked_at",
    "UnitPrice": "unit_price",
    "CustomerID": "customer_id",
    "Country": "country",
}
_BOM = b"\xef\xbb\xbf"
_OTHER_DELIMITERS = (";", "\t", "|")


@dataclass(frozen=True)
class Rejected:
    """A line that is no ledger line; line 0 is the file as a whole."""

    line_number: int
    reason: str
    detail: str
    content: str | None


@dataclass(frozen=True)
class Parsed:
    """A file's lines: `line_number` (the head line is 1) and the columns as text, null where empty."""

    lines: pa.Table
    rejected: tuple[Rejected, ...] = ()
    extra_columns: tuple[str, ...] = ()


SCHEMA = pa.schema([("line_number", pa.int32()), *((name, pa.string()) for name in COLUMNS.values())])


def count_lines(content: bytes) -> int:
    """Data lines of a file, without parsing it: line ends outside of quotes, less head and empty lines."""
    unquoted = b"".join(content.removeprefix(_BOM).split(b'"')[::2]) if b'"' in content else content
    if content.count(b'"') % 2:
        unquoted = content
    return max(0, sum(1 for line in unquoted.split(b"\n") if line.strip(b"\r\0 ")) - 1)


def parse_file(content: bytes) -> Parsed:
    """Read a delivered file; columns are found by name, in any order, and unknown ones are left out."""
    content = content.removeprefix(_BOM)
    if not content.strip():
        return Parsed(
            SCHEMA.empty_table(),
            (Rejected(0, "empty_file", f"{len(content)} bytes; expected a head line and lines", None),),
        )
    head_line, _, rest = content.partition(b"\n")
    head = _decoded(head_line)
    names = [name.strip() for name in next(csv.reader([head or ""]), [])]
    problem = _problem_of_head(head, names)
    if problem:
        return _whole_file_rejected(rest, *problem)
    extra = tuple(name for name in names if name not in COLUMNS)
    sound = _sound(content, names)
    return Parsed(sound, (), extra) if sound is not None else _line_by_line(rest, names, extra)


def _decoded(line: bytes) -> str | None:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.rstrip("\r\n")


def _problem_of_head(head: str | None, names: list[str]) -> tuple[str, str] | None:
    if head is None:
        return "wrong_encoding", "the head line is no UTF-8 text; expected a file in UTF-8"
    missing = [name for name in COLUMNS if name not in names]
    if not missing:
        repeated = sorted({name for name in names if name in COLUMNS and names.count(name) > 1})
        return ("repeated_columns", f"named twice: {', '.join(repeated)}") if repeated else None
    found = [mark for mark in _OTHER_DELIMITERS if head.count(mark) >= len(missing) - 1 > 0]
    if found and "," not in head:
        return "wrong_delimiter", f"values are divided by {found[0]!r}; expected commas"
    return "missing_columns", f"not there: {', '.join(missing)}; the head line is {head[:200]!r}"


def _whole_file_rejected(rest: bytes, reason: str, detail: str) -> Parsed:
    """Every line by itself, so that lines still add up."""
    lines = [(number, line) for number, line in enumerate(rest.split(b"\n"), 2) if line.strip(b"\r\0 ")]
    rejected = [Rejected(number, reason, detail, _shown(line)) for number, line in lines]
    return Parsed(SCHEMA.empty_table(), tuple(rejected or [Rejected(0, reason, detail, None)]))


def _sound(content: bytes, names: list[str]) -> pa.Table | None:
    """All lines, if each has as many values as the head; None where anything has to be looked at closer."""
    if content.count(b'"') % 2 or b"\0" in content or _decoded(content) is None:
        return None
    uneven: list[int] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        uneven.append(row.actual_columns)
        return "skip"

    table = pyarrow.csv.read_csv(
        io.BytesIO(content),
        # One block: a line is then never cut between two, and rows come in the file's order.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=max(len(content), 1)),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    if uneven:
        return None
    numbers = pa.array(range(2, table.num_rows + 2), pa.int32())
    by_name = dict(zip(names, table.columns, strict=True))
    columns = [by_name[name].combine_chunks() for name in COLUMNS]
    return pa.Table.from_arrays([numbers, *columns], schema=SCHEMA)


@dataclass
class _Collected:
    rows: list[dict[str, str | int | None]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def _line_by_line(rest: bytes, names: list[str], extra: tuple[str, ...]) -> Parsed:
    found = _Collected()
    for number, line in enumerate(rest.split(b"\n"), 2):
        if line.strip(b"\r "):
            _take(found, number, line, names)
    return Parsed(pa.Table.from_pylist(found.rows, SCHEMA), tuple(found.rejected), extra)


def _take(found: _Collected, number: int, line: bytes, names: list[str]) -> None:
    text = _decoded(line)
    if text is None:
        detail = "the line is no UTF-8 text; expected a file in UTF-8"
        found.rejected.append(Rejected(number, "wrong_encoding", detail, _shown(line)))
        return
    try:
        values = next(csv.reader([text], strict=True))
    except csv.Error as error:
        found.rejected.append(Rejected(number, "malformed_quotes", f"{error}; expected closed quotes", text))
        return
    if len(values) != len(names):
        detail = f"{len(values)} values; expected {len(names)}, as many as the head line names"
        found.rejected.append(Rejected(number, "column_count", detail, text))
        return
    by_name = dict(zip(names, values, strict=True))
    found.rows.append(
        {"line_number": number, **{column: by_name[name] or None for name, column in COLUMNS.items()}}
    )


def _shown(line: bytes) -> str:
    """The line as text; what is none is shown as \\xNN."""
    return line.rstrip(b"\r").decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")

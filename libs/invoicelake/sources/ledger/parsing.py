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


@dataclass(frozen=True)
class _File:
    """A file at its head line: the first that holds anything."""

    names: list[str]
    # Reason and detail of what keeps the lines from being read.
    problem: tuple[str, str] | None
    rest: bytes


def count_lines(content: bytes) -> int:
    """Data lines of a file, less head and empty lines, counted apart from the reader that `parse_file` uses.

    A line end within quotes ends no line if all lines then have as many values as the head. If one has not,
    or the head is none, quotes mean nothing and every line end counts.
    """
    file = _opened(content)
    return 0 if file is None else _count(file)


def _count(file: _File) -> int:
    across = None if file.problem else _rows_across_lines(file)
    return sum(map(_is_filled, file.rest.splitlines())) if across is None else across


def _rows_across_lines(file: _File) -> int | None:
    """Rows of a sound file in which values hold line ends; None for any other file."""
    if not any(b"\n" in quoted or b"\r" in quoted for quoted in file.rest.split(b'"')[1::2]):
        return None
    text = _sound_text(file.rest)
    if text is None:
        return None
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return None
    return len(rows) if all(len(row) == len(file.names) for row in rows) else None


def parse_file(content: bytes) -> Parsed:
    """Read a delivered file; columns are found by name, in any order, and unknown ones are left out.

    Lines end in LF, CR LF or CR.
    """
    file = _opened(content)
    if file is None:
        return Parsed(
            SCHEMA.empty_table(),
            (Rejected(0, "empty_file", f"{len(content)} bytes; expected a head line and lines", None),),
        )
    if file.problem:
        return _whole_file_rejected(file.rest, *file.problem)
    extra = tuple(name for name in file.names if name not in COLUMNS)
    sound = _sound(file)
    return Parsed(sound, (), extra) if sound is not None else _line_by_line(file, extra)


def _opened(content: bytes) -> _File | None:
    """None where no line holds anything."""
    lines = content.removeprefix(_BOM).splitlines(keepends=True)
    start = next((number for number, line in enumerate(lines) if _is_filled(line)), None)
    if start is None:
        return None
    head = _decoded(lines[start])
    try:
        names = [name.strip() for name in next(csv.reader([head or ""]), [])]
    except csv.Error:
        names = []
    return _File(names, _problem_of_head(head, names), b"".join(lines[start + 1 :]))


def _is_filled(line: bytes) -> bool:
    return bool(line.strip(b"\r\n\0 "))


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
    lines = [(number, line) for number, line in enumerate(rest.splitlines(), 2) if _is_filled(line)]
    rejected = [Rejected(number, reason, detail, _shown(line)) for number, line in lines]
    return Parsed(SCHEMA.empty_table(), tuple(rejected or [Rejected(0, reason, detail, None)]))


def _sound_text(content: bytes) -> str | None:
    return None if content.count(b'"') % 2 else _decoded(content)


def _sound(file: _File) -> pa.Table | None:
    """All lines, if each has as many values as the head; None where anything has to be looked at closer."""
    if _sound_text(file.rest) is None:
        return None
    count = _count(file)
    if not count:
        return SCHEMA.empty_table()
    uneven: list[int] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        uneven.append(row.actual_columns)
        return "skip"

    table = pyarrow.csv.read_csv(
        io.BytesIO(file.rest),
        # One block: a line is then never cut between two, and rows come in the file's order.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False, block_size=len(file.rest), column_names=file.names
        ),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(file.names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )
    # Quotes that open nothing, such as inch marks, may have swallowed lines.
    if uneven or table.num_rows != count:
        return None
    numbers = pa.array(range(2, table.num_rows + 2), pa.int32())
    by_name = dict(zip(file.names, table.columns, strict=True))
    columns = [by_name[name].combine_chunks() for name in COLUMNS]
    return pa.Table.from_arrays([numbers, *columns], schema=SCHEMA)


@dataclass
class _Collected:
    rows: list[dict[str, str | int | None]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def _line_by_line(file: _File, extra: tuple[str, ...]) -> Parsed:
    found = _Collected()
    for number, line in enumerate(file.rest.splitlines(), 2):
        if _is_filled(line):
            _take(found, number, line, file.names)
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
    return line.decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")

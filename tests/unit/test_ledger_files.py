"""Delivered files: what has the form of a ledger line, what has not, and that every line is counted."""

from __future__ import annotations

import csv
import io
import operator
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from invoicelake import config
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from invoicelake.sources.ledger.parsing import COLUMNS, count_lines, parse_file
from invoicelake.tables import Slice
from invoicelake.transforms.ledger.chunks import chunks_of_days, missing_days

CONF = Path(__file__).resolve().parents[2] / "conf"
HEAD = b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
SOUND = b"536365,85123A,HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
QUOTED = b'536366,22086,"LAMP, ""RED""",1,2010-12-01 08:27:00,1.00,,France\n'
LATIN = SOUND.replace(b"HOLDER", b"CAF\xc9")
LONG = SOUND.replace(b"\n", b",x\n")
INCH = SOUND.replace(b"HOLDER", b'RULER 12" LONG')
ACROSS = SOUND.replace(b"HOLDER", b'"HOL\nDER"')
NO_COUNTRY = HEAD.replace(b",Country", b"")

# why, content, accepted line numbers, (line number, reason) of the rejected, lines counted
FILES = [
    ("sound", HEAD + SOUND + QUOTED, [2, 3], [], 2),
    ("no last line end", HEAD + SOUND + QUOTED.rstrip(), [2, 3], [], 2),
    ("byte order mark", b"\xef\xbb\xbf" + HEAD + SOUND, [2], [], 1),
    ("carriage returns", (HEAD + SOUND + QUOTED).replace(b"\n", b"\r\n"), [2, 3], [], 2),
    ("empty lines between", HEAD + SOUND + b"\n\n" + QUOTED, [2, 3], [], 2),
    ("carriage returns alone", (HEAD + SOUND + QUOTED).replace(b"\n", b"\r"), [2, 3], [], 2),
    ("line ends of all kinds", HEAD[:-1] + b"\r" + SOUND[:-1] + b"\r\n" + QUOTED, [2, 3], [], 2),
    ("a carriage return in a value", HEAD + SOUND.replace(b"LD", b"\r") + SOUND, [4],
        [(2, "column_count"), (3, "column_count")], 3),
    ("line end in a value", HEAD + ACROSS + QUOTED, [2, 3], [], 2),
    ("line end in a value and a bad line", HEAD + ACROSS + b"x\n", [],
        [(2, "malformed_quotes"), (3, "column_count"), (4, "column_count")], 3),
    ("an inch mark", HEAD + INCH + SOUND, [2, 3], [], 2),
    ("two inch marks", HEAD + INCH + SOUND + INCH, [2, 3, 4], [], 3),
    ("two inch marks and a line end in a value", HEAD + INCH + ACROSS + INCH, [2, 3, 4], [], 3),
    ("two quotes that are not closed", HEAD + 2 * SOUND.replace(b"HOLDER", b'"HOLDER'), [],
        [(2, "malformed_quotes"), (3, "malformed_quotes")], 2),
    ("empty lines first", b"\r\n \n" + HEAD + SOUND, [2], [], 1),
    ("a line of zero bytes", HEAD + b"\0\0\n" + SOUND, [3], [], 1),
    ("head alone: a day without sales", HEAD, [], [], 0),
    ("no bytes", b"", [], [(0, "empty_file")], 0),
    ("white space alone", b"\n \n", [], [(0, "empty_file")], 0),
    ("cut off within a line", HEAD + SOUND + b"536367,2208", [2], [(3, "column_count")], 2),
    ("cut off within quotes", HEAD + SOUND + b'536367,2208,"LAM', [2], [(3, "malformed_quotes")], 2),
    ("one value too many", HEAD + SOUND + LONG + QUOTED, [2, 4], [(3, "column_count")], 3),
    ("semicolons", (HEAD + SOUND).replace(b",", b";"), [], [(2, "wrong_delimiter")], 1),
    ("tabs", (HEAD + SOUND).replace(b",", b"\t"), [], [(2, "wrong_delimiter")], 1),
    ("a column missing", NO_COUNTRY + SOUND, [], [(2, "missing_columns")], 1),
    ("a column missing, line end in a value", NO_COUNTRY + ACROSS.replace(b",United Kingdom", b""), [],
        [(2, "missing_columns"), (3, "missing_columns")], 2),
    ("a head line too long for any", b"x" * 200_000 + b"\n" + SOUND, [], [(2, "missing_columns")], 1),
    ("no head line", SOUND + SOUND, [], [(2, "missing_columns")], 1),
    ("a column twice", HEAD.replace(b"Country", b"InvoiceNo"), [], [(0, "missing_columns")], 0),
    ("named twice", HEAD.replace(b"\n", b",Country\n") + SOUND, [], [(2, "repeated_columns")], 1),
    ("Latin-1 in one line", HEAD + SOUND + LATIN, [2], [(3, "wrong_encoding")], 2),
    ("UTF-16", (HEAD + SOUND).decode().encode("utf-16"), [], [(2, "wrong_encoding")], 1),
    ("a zero byte", HEAD + SOUND.replace(b"HOLDER", b"HOL\0ER") + QUOTED, [3], [(2, "wrong_encoding")], 2),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "accepted", "rejected", "lines"),
    [case[1:] for case in FILES],
    ids=[case[0] for case in FILES],
)
def test_every_line_is_accepted_or_rejected_with_a_reason(content, accepted, rejected, lines):
    parsed = parse_file(content)
    assert parsed.lines["line_number"].to_pylist() == accepted
    assert [(each.line_number, each.reason) for each in parsed.rejected] == rejected
    assert all(each.detail for each in parsed.rejected)
    assert count_lines(content) == lines
    assert lines == len(accepted) + sum(number > 0 for number, _ in rejected)


def test_values_are_as_delivered_and_empty_ones_null():
    first, second = parse_file(HEAD + SOUND + QUOTED).lines.to_pylist()
    assert first["customer_id"] == "17850.0"
    assert second["description"] == 'LAMP, "RED"'
    assert second["customer_id"] is None


@pytest.mark.parametrize("between", [b",", b", ", b" ,", b'","'])
def test_values_are_text_as_delivered_however_the_head_is_written(between):
    head = HEAD.replace(b",", between)
    if b'"' in between:
        head = b'"' + head.strip() + b'"\n'
    row = parse_file(head + SOUND.replace(b"85123A", b"00085").replace(b"2.55", b"2.50")).lines.to_pylist()[0]
    assert (row["stock_code"], row["unit_price"], row["customer_id"]) == ("00085", "2.50", "17850.0")


PIECES = (
    b"HOLDER", b"", b" ", b'12" X', b'12"', b'"X', b'"', b'""', b'"a,b"', b'"A ""B"', b'"A" B', b'""A"',
    b"x,y", b'"A\nB"', b'"A\rB"', b'"A\r\n\r\nB"', b"A\rB", b"\xc9", b"\0",
)  # fmt: skip


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_add_up_whatever_is_delivered(end):
    drawn = random.Random(f"lines{end!r}")
    for _ in range(1_000):
        content = drawn.choice([b"", end]) + HEAD[:-1] + drawn.choice([b"", b"", b',"Ti']) + end
        for _ in range(drawn.randrange(5)):
            values = SOUND[:-1].split(b",")
            for _ in range(drawn.choice([0, 0, 1, 2, 3])):
                values[drawn.randrange(8)] = drawn.choice(PIECES)
            width = drawn.choice([3, 8, 8, 8, 8, 8])
            content += b",".join(values[:width]) + drawn.choice([end, end, end, b"\n"])
        parsed = parse_file(content)
        rejected = sum(each.line_number > 0 for each in parsed.rejected)
        assert parsed.lines.num_rows + rejected == count_lines(content), content


def test_columns_are_found_by_name_and_new_ones_named():
    rows = [["Till", *reversed(COLUMNS)], ["7", *(name.lower() for name in reversed(COLUMNS))]]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(rows)
    parsed = parse_file(written.getvalue().encode())
    assert parsed.extra_columns == ("Till",)
    assert parsed.lines.to_pylist() == [
        {"line_number": 2, **{column: name.lower() for name, column in COLUMNS.items()}}
    ]


def test_slow_and_fast_way_read_alike():
    """A bad last line sends a file through the slow way; the others must not differ by that."""
    content = HEAD + SOUND + QUOTED + SOUND.replace(b"HOLDER", "CAFÉ".encode())
    assert parse_file(content + b"x\n").lines.equals(parse_file(content).lines)


def test_real_days_are_read_to_the_last_line(shared_data):
    files = sorted((shared_data / "online_retail" / "by-day").glob("*.csv"))
    counts = [
        (parse_file(file.read_bytes()).lines.num_rows, count_lines(file.read_bytes())) for file in files
    ]
    assert sum(rows for rows, _ in counts) == sum(lines for _, lines in counts) == 541_909


def test_real_days_are_read_to_the_penny(shared_data):
    total = Decimal(0)
    for file in sorted((shared_data / "online_retail" / "by-day").glob("*.csv")):
        lines = parse_file(file.read_bytes()).lines
        quantities, prices = (lines[name].to_pylist() for name in ("quantity", "unit_price"))
        total += sum(map(operator.mul, map(Decimal, quantities), map(Decimal, prices)))
    assert total == Decimal("9747747.934")


def test_generated_ledger_is_the_same_for_the_same_seed_and_sound():
    def made(*overrides: str) -> dict[str, bytes]:
        return ledger_files(config.load(CONF, overrides=["trade.days=3", *overrides]))

    first = made()
    assert made() == first
    assert made("seed=1") != first
    assert not [name for name, content in first.items() if parse_file(content).rejected]
    text = b"".join(first.values()).decode()
    assert all(word in text for word in ("PURCHASE", "\nC5", "POSTAGE", ",-"))


CHUNKS = [
    ([], []),
    ([(2, 5), (1, 5)], [(1, 2)]),
    ([(1, 5), (2, 5), (3, 1)], [(1, 2), (3,)]),
    ([(1, 99), (2, 1)], [(1,), (2,)]),
]


@pytest.mark.parametrize(("sizes", "expected"), CHUNKS)
def test_chunks_fit_and_keep_the_order(sizes, expected):
    chunks = chunks_of_days([(date(2024, 1, day), size) for day, size in sizes], max_lines=10)
    assert [tuple(day.day for day in chunk) for chunk in chunks] == expected


SPAN = "day BETWEEN DATE'2024-01-01' AND DATE'2024-01-03'"
SLICES = [
    ([], {}, "false"),
    ([1, 2, 3], {}, SPAN),
    ([3, 1], {}, f"{SPAN} AND day IN (DATE'2024-01-01', DATE'2024-01-03')"),
    ([1], {"source": "o'x"}, "day BETWEEN DATE'2024-01-01' AND DATE'2024-01-01' AND source = 'o\\'x'"),
]  # fmt: skip


@pytest.mark.parametrize(("days", "equal", "sql"), SLICES)
def test_slices_say_which_days(days, equal, sql):
    found = Slice.of("day", [date(2024, 1, day) for day in days], **equal).sql()
    assert found.replace(" ,", ",").replace(" )", ")") == sql


WORKING = ("mon", "tue", "wed", "thu", "fri")
# why, delivered days of January 2024 (the 1st was a Monday), weekdays, missing days
MISSING = [
    ("a day in the middle", [1, 2, 4], WORKING, [3]),
    ("a week-end is not expected", [5, 8], WORKING, []),
    ("a Sunday is where it is said so", [5, 8], ("sun", "mon"), [7]),
    ("in any order, over weeks", [12, 3, 10], WORKING, [4, 5, 8, 9, 11]),
    ("nothing before the first or after the last", [3], WORKING, []),
    ("no weekday is expected", [1, 12], (), []),
    ("nothing was delivered", [], WORKING, []),
]


@pytest.mark.parametrize(
    ("delivered", "weekdays", "missing"), [case[1:] for case in MISSING], ids=[case[0] for case in MISSING]
)
def test_days_that_never_came(delivered, weekdays, missing):
    days = [date(2024, 1, number) for number in delivered]
    assert missing_days(days, weekdays) == [date(2024, 1, number) for number in missing]

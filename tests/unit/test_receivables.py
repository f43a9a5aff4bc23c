"""Receivables as delivered: files to lines, lines to values, and the generated ones."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.sources.delivered_files import input_place, require_few_rejected
from invoicelake.sources.generated.trade.annotation_files import annotation_files
from invoicelake.sources.generated.trade.receivable_files import receivable_files
from invoicelake.sources.receivables import COLUMNS, parse_file
from invoicelake.text.receivable import ReceivableRejected, amount_of, read_receivable

CONF = Path(__file__).resolve().parents[2] / "conf"
SEMICOLONS, TABS = bytes.maketrans(b",", b";"), bytes.maketrans(b",", b"\t")
HEAD = b"customerID,invoiceNumber,InvoiceDate,DueDate,InvoiceAmount,Disputed,SettledDate"
LINE = b"C1,7,1/6/2012,2/5/2012,47.07,Yes,2/3/2012"

SOUND_FILE = HEAD + b"\n" + LINE
OTHER_ORDER = b"invoiceNumber," + HEAD.replace(b"invoiceNumber,", b"")


def whole_file(reason: str) -> list[tuple[int, str]]:
    """A file with a head and a line, both rejected."""
    return [(0, reason), (2, reason)]


FILES = [
    # why, content, (line, reason or invoice number) of each row
    ("sound", HEAD + b"\n" + LINE + b"\n", [(2, "7")]),
    ("no line end at the end", HEAD + b"\n" + LINE, [(2, "7")]),
    ("Windows line ends, a mark of UTF-8", b"\xef\xbb\xbf" + HEAD + b"\r\n" + LINE + b"\r\n", [(2, "7")]),
    ("old line ends", HEAD + b"\r" + LINE, [(2, "7")]),
    ("empty lines", HEAD + b"\n\n \n" + LINE + b"\n\n", [(4, "7")]),
    ("another order", OTHER_ORDER + b"\n7,C1,1,2,3,4,5", [(2, "7")]),
    ("another case", HEAD.upper() + b"\n" + LINE, [(2, "7")]),
    ("no bytes", b"", [(0, "empty_file")]),
    ("white space alone", b" \n\r\n", [(0, "empty_file")]),
    ("a head alone", HEAD, []),
    ("another delimiter", SOUND_FILE.translate(SEMICOLONS), whole_file("wrong_delimiter")),
    ("tabs", SOUND_FILE.translate(TABS), whole_file("wrong_delimiter")),
    ("no head", LINE + b"\n" + LINE, whole_file("missing_columns")),
    ("no settlement", HEAD.replace(b",SettledDate", b"") + b"\n1,2,3,4,5,6", whole_file("missing_columns")),
    ("a column twice", HEAD + b",Disputed\n" + LINE + b",No", whole_file("repeated_columns")),
    ("UTF-16", (HEAD + b"\n" + LINE).decode().encode("utf-16"), whole_file("wrong_encoding")),
    ("one line in Latin-1", HEAD + b"\n\xe9" + LINE + b"\n" + LINE, [(2, "wrong_encoding"), (3, "7")]),
    ("one line cut off", HEAD + b"\n" + LINE[:20] + b"\n" + LINE, [(2, "column_count"), (3, "7")]),
    ("one line too long", HEAD + b"\n" + LINE + b",more\n" + LINE, [(2, "column_count"), (3, "7")]),
    ("a quote left open", HEAD + b'\n"' + LINE + b"\n" + LINE, [(2, "malformed_quotes"), (3, "7")]),
    ("quotes", HEAD + b'\n"C1","7",1/6/2012,2/5/2012,"1,047.07",Yes,', [(2, "7")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "expected"), [case[1:] for case in FILES], ids=[case[0] for case in FILES]
)
def test_each_line_of_a_file_is_read_or_kept_with_its_reason(content, expected):
    rows = list(parse_file(content))
    assert [(row["line_number"], row.get("reason") or row.get("invoice_number")) for row in rows] == expected
    assert all(row["detail"] for row in rows if row.get("reason"))


def test_columns_that_are_not_known_are_kept_and_others_are_null():
    row = next(iter(parse_file(HEAD + b",Region,Note\n" + LINE + b",North,\n")))
    assert row["other_columns"] == '{"region": "North"}'
    assert row["country"] is None
    assert row["settled_date"] == "2/3/2012"


SOUND = dict.fromkeys(COLUMNS.values()) | {
    "customer_id": "C1",
    "invoice_number": "7",
    "invoice_date": "1/6/2012",
    "due_date": "2/5/2012",
    "amount": "47.07",
    "is_disputed": "Yes",
    "settled_date": "2/3/2012",
    "bill_format": "Paper",
    "paperless_since": "11/26/2012",
}
DAY = datetime.date
VALUES = [
    # why, what came, what it says or the reason
    ("day and month", {}, {"invoice_date": DAY(2012, 1, 6), "amount_minor": 4707, "is_disputed": True}),
    ("a leap day", {"settled_date": "2/29/2012"}, {"settled_date": DAY(2012, 2, 29)}),
    ("settled on the day", {"settled_date": "1/6/2012"}, {"settled_date": DAY(2012, 1, 6)}),
    ("unsettled", {"settled_date": None}, {"settled_date": None}),
    ("days alone", {"settled_date": None, "days_to_settle": "28"}, {"settled_date": DAY(2012, 2, 3)}),
    ("days that are none", {"settled_date": None, "days_to_settle": "-3"}, {"settled_date": None}),
    ("thousands", {"amount": "1,047.07"}, {"amount_minor": 104707}),
    ("a credit note", {"amount": "-5"}, {"amount_minor": -500}),
    ("more zeros", {"amount": "5.1000"}, {"amount_minor": 510}),
    ("a float's customer", {"customer_id": "12346.0"}, {"customer_id": "12346"}),
    ("no due date", {"due_date": None}, {"due_date": None}),
    ("no dispute", {"is_disputed": None}, {"is_disputed": None}),
    ("paperless on no day", {"paperless_since": "2/30/2012"}, {"paperless_since": None}),
    ("no customer", {"customer_id": None}, "missing_customer_id"),
    ("no number", {"invoice_number": None}, "missing_invoice_number"),
    ("no day", {"invoice_date": None}, "missing_invoice_date"),
    ("no amount", {"amount": None}, "missing_amount"),
    ("31 February", {"due_date": "2/31/2012"}, "bad_date"),
    ("month 13", {"invoice_date": "13/1/2012"}, "bad_date"),
    ("two digits of the year", {"settled_date": "2/3/12"}, "bad_date"),
    ("settled before", {"settled_date": "1/5/2012"}, "settled_before_invoice"),
    ("due before", {"due_date": "1/5/2012"}, "due_before_invoice"),
    ("due in another century", {"due_date": "2/5/2112"}, "days_too_far_apart"),
    ("an amount in letters", {"amount": "ten"}, "bad_amount"),
    ("half a cent", {"amount": "4.705"}, "bad_amount"),
    ("a power", {"amount": "1e3"}, "bad_amount"),
    ("digits of another script", {"amount": "\u0664\u0667"}, "bad_amount"),
    ("neither yes nor no", {"is_disputed": "perhaps"}, "bad_disputed"),
    ("a pigeon", {"bill_format": "Pigeon"}, "bad_bill_format"),
]


@pytest.mark.parametrize(
    ("came", "expected"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES]
)
def test_values(came, expected):
    if isinstance(expected, str):
        with pytest.raises(ReceivableRejected) as caught:
            read_receivable(SOUND | came, "%m/%d/%Y", 2, 1095)
        assert caught.value.reason == expected
        return
    found = read_receivable(SOUND | came, "%m/%d/%Y", 2, 1095)._asdict()
    assert {name: found[name] for name in expected} == expected


def test_amounts_of_rejected_lines_are_counted_where_they_can_be_read():
    read = [amount_of(text) for text in ("47.07", "1,000", "4.70555", "x", None, "1e3")]
    assert [None if value is None else str(value) for value in read] == [
        "47.0700", "1000.0000", "4.7056", None, None, None,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def suite() -> config.Suite:
    return config.load(CONF, overrides=["trade.receivables=200", "trade.annotations=60"])


def test_generated_receivables_are_sound_and_what_they_were(suite):
    files = receivable_files(suite)
    assert files == receivable_files(suite)
    assert files != receivable_files(suite.model_copy(update={"seed": 1}))
    rows = [row for content in files.values() for row in parse_file(content)]
    read = [read_receivable(row, "%m/%d/%Y", 2, 1095) for row in rows]
    assert len({each.invoice_number for each in read}) == suite.trade.receivables == len(rows)
    settled = [each for each in read if each.settled_date]
    late = [each for each in settled if each.settled_date > each.due_date]
    assert 0.2 < len(late) / len(settled) < 0.9
    assert 0 < len(read) - len(settled) < 0.2 * len(read)
    assert any(each.bill_format is None for each in read)
    assert 0.05 < sum(each.is_disputed for each in read) / len(read) < 0.5


def test_generated_annotations_are_about_as_many_as_asked_for(suite):
    lines = b"".join(annotation_files(suite).values()).splitlines()
    assert suite.trade.annotations <= len(lines) < suite.trade.annotations + 30
    assert annotation_files(suite) == annotation_files(suite)
    assert {json.loads(line)["field"] for line in lines} <= set(suite.field_names)


PLACES = [
    # path, what the message says (None: it is taken)
    ("one.csv", None),
    (".", None),
    ("nowhere", r"expected a folder at receivables\.path=.*nowhere, found nothing there"),
]


@pytest.mark.parametrize(("path", "message"), PLACES)
def test_place_of_the_files(tmp_path, path, message):
    (tmp_path / "one.csv").write_bytes(HEAD)
    given = str(tmp_path / path)
    if message is None:
        assert input_place(given, "receivables.path", "unused", dict) == str((tmp_path / path).resolve())
        return
    with pytest.raises(JobError, match=message):
        input_place(given, "receivables.path", "unused", dict)


@pytest.mark.parametrize(("rejected", "is_refused"), [(0, False), (5, False), (6, True)])
def test_too_many_rejects(rejected, is_refused):
    if not is_refused:
        require_few_rejected(rejected, 100, 0.05, "receivables.max_rejected_share", "there")
        return
    with pytest.raises(
        JobError, match=r"6 of 100, at most a share of 0\.05 may; .*receivables\.max_rejected"
    ):
        require_few_rejected(rejected, 100, 0.05, "receivables.max_rejected_share", "there")


SETTINGS = [
    ("payment_delay.train_share=0.9 payment_delay.validation_share=0.1", "leave nothing to test on"),
    ("payment_delay.validation_from=2024-02-01 payment_delay.test_from=2024-01-01", "exchange them"),
    ("receivables.date_format=M/d/y", "should match pattern"),
]


@pytest.mark.parametrize(("overrides", "message"), SETTINGS)
def test_settings_that_cannot_be(overrides, message):
    with pytest.raises(config.SettingsError, match=message):
        config.load(CONF, overrides=overrides.split())

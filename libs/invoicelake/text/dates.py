"""Dates in printed text: where they stand and which day they mean."""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from babel import Locale

_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "ms", "id", "pt", "sv", "da", "nb")
_OTHER_FORMS = {"mrz": 3, "maerz": 3}


class DateMatch(NamedTuple):
    """A span of a line that reads as a date: `line[start:end] == text`."""

    start: int
    end: int
    text: str


def _folded(name: str) -> str:
    """Lower case without diacritics or a closing point, as month names are compared."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).rstrip(".")


def _month_numbers() -> dict[str, int]:
    numbers = dict(_OTHER_FORMS)
    for language in _LANGUAGES:
        months = Locale(language).months
        for width in ("wide", "abbreviated"):
            for number, name in months["format"][width].items():
                numbers.setdefault(_folded(name), number)
    return numbers


_MONTHS = _month_numbers()
_MONTH = r"[^\W\d_]{3,10}"
_SHORT_YEAR = r"\d\d"
_YEAR = r"(?:19|20)\d\d"
# A clock time may be glued to the year: 25/12/201814:33.
_END = r"(?!\d|[./-]\d)|(?=\d{1,2}:\d\d)"
_FORMS = (
    rf"(?<!\d)(?<!\d[./])(?P<y1>{_YEAR}) ?(?P<s1>[-/.]) ?(?P<a1>\d{{1,2}}) ?(?P=s1) ?(?P<b1>\d{{1,2}})"
    r"(?!\d|[./]\d)",
    rf"(?<!\d)(?<!\d[./-])(?P<a2>\d{{1,2}}) ?(?P<s2>[-/.]) ?(?P<b2>\d{{1,2}}) ?(?P=s2) ?(?P<y2>{_YEAR})"
    rf"(?:{_END})",
    rf"(?<!\d)(?<!\d[./-])(?P<a3>\d{{1,2}})(?P<s3>[-/.])(?P<b3>\d{{1,2}})(?P=s3)(?P<y3>{_SHORT_YEAR})(?:{_END})",
    rf"(?<!\d)(?P<a4>\d{{1,2}})(?:\.|st|nd|rd|th|er|º)?[ /-]{{0,2}}(?:de |of )?(?P<m4>{_MONTH})\.?"
    rf"[ /,'-]{{0,2}}(?:de |del )?(?:(?P<y4>{_YEAR})|(?P<z4>{_SHORT_YEAR}))(?:{_END})",
    rf"(?<![^\W_])(?P<m5>{_MONTH})\.?[ -]?(?P<a5>\d{{1,2}})(?:st|nd|rd|th)?[, -]{{1,2}}(?P<y5>{_YEAR})"
    r"(?!\d)",
    rf"(?<!\d)(?P<y6>{_YEAR})[ /-](?P<m6>{_MONTH})\.?[ /-](?P<a6>\d{{1,2}})(?!\d)",
    r"(?<![\w.,-])(?P<y7>(?:19|20)\d\d)(?P<a7>[01]\d)(?P<b7>[0-3]\d)(?![\w.,-])",
    r"(?<![\w.,-])(?P<a8>[0-3]\d)(?P<b8>[01]\d)(?P<y8>20\d\d)(?![\w.,-])",
)
_DATES = tuple(re.compile(form, re.IGNORECASE) for form in _FORMS)
# Encoding and decoding ask for the same lines of a batch.
_REMEMBERED = 1 << 16
_HINT = re.compile(r"\d\d?(?:\D|\d{6})")


def find_dates(text: str) -> list[DateMatch]:
    """List the spans of a line that read as a date, left to right, none overlapping; times are not dates."""
    return list(_dates(text)) if _HINT.search(text) else []


@lru_cache(_REMEMBERED)
def _dates(text: str) -> tuple[DateMatch, ...]:
    found: list[DateMatch] = []
    covered: set[int] = set()
    for form in _DATES:
        for match in form.finditer(text):
            places = range(*match.span())
            if covered.isdisjoint(places) and _value(match, day_first=True):
                found.append(DateMatch(match.start(), match.end(), match[0]))
                covered.update(places)
    return tuple(sorted(found))


def parse_date(text: str, day_first: bool = True) -> datetime.date | None:
    """Read the first date in a text; None when there is none.

    Args:
        text: a date as printed, perhaps with a time or a label beside it.
        day_first: whether `03/04/2024` is the 3rd of April; ignored where only one reading is a date.

    Two-digit years below 70 are of this century.
    """
    found = find_dates(text)
    for match in found[:1]:
        for form in _DATES:
            whole = form.fullmatch(match.text)
            value = _value(whole, day_first) if whole else None
            if value:
                return value
    return None if found else _parsed_in_any_language(text, day_first)


def day_comes_first(texts: Iterable[str], otherwise: bool) -> bool:
    """Whether the dates of one document have the day first, as those show that have one reading alone.

    Args:
        texts: dates as printed; of `8/13/2017` and `9/12/2017`, the first shows how to read the second.
        otherwise: where none of them shows it, or some show one order and some the other.
    """
    shown = {order for text in texts for order in _shown_order(text)}
    return shown.pop() if len(shown) == 1 else otherwise


def _shown_order(text: str) -> Iterable[bool]:
    for found in find_dates(text)[:1]:
        for form in _DATES:
            whole = form.fullmatch(found.text)
            readings = _readings(whole) if whole else ()
            if len(readings) > 1 and None in readings:
                yield readings[0] is not None


def _value(match: re.Match[str], day_first: bool) -> datetime.date | None:
    readings = _readings(match)
    return next((day for day in (readings if day_first else readings[::-1]) if day), None)


def _readings(match: re.Match[str]) -> tuple[datetime.date | None, ...]:
    """The day that a date is, with the day first, then with the month first; one where there is no choice."""
    parts = {name[0]: value for name, value in match.groupdict().items() if value}
    year = int(parts["y"]) if "y" in parts else int(parts["z"])
    if year < 100:
        year += 2000 if year < 70 else 1900
    if "m" in parts:
        month = _MONTHS.get(_folded(parts["m"]))
        return (_day(year, month, int(parts["a"])) if month else None,)
    first, second = int(parts["a"]), int(parts["b"])
    if match.start("a" + _form(match)) > match.start("y" + _form(match)):
        return (_day(year, first, second),)
    return _day(year, second, first), _day(year, first, second)


def _form(match: re.Match[str]) -> str:
    return next(name[1] for name in match.groupdict() if name[0] == "a")


def _day(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


@lru_cache(maxsize=10_000)
def _parsed_in_any_language(text: str, day_first: bool) -> datetime.date | None:
    """Read month names the forms above do not know; slow, so only where a word and a year are there."""
    if len(text) > 40 or not re.search(r"\d{4}", text) or not re.search(r"[^\W\d_]{3}", text):
        return None
    import dateparser  # a third of a second to import, and rarely needed

    order = "DMY" if day_first else "MDY"
    found = dateparser.parse(text, settings={"DATE_ORDER": order, "REQUIRE_PARTS": ["day", "month", "year"]})
    return found.date() if found else None

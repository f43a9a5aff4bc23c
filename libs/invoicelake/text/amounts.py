"""Amounts of money in printed text: where they stand, what they are worth, in which currency."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

from babel.numbers import get_currency_precision

# A sign that several currencies share stands for the one most often meant; '$' and 'kr' are such guesses.
_SYMBOLS = {
    "US$": "USD", "S$": "SGD", "A$": "AUD", "C$": "CAD", "R$": "BRL", "HK$": "HKD", "NT$": "TWD",
    "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₫": "VND", "₱": "PHP",
    "฿": "THB", "₺": "TRY", "₽": "RUB", "₴": "UAH", "₪": "ILS", "RM": "MYR", "Rp": "IDR", "Rs": "INR",
    "kr": "SEK", "Kč": "CZK", "zł": "PLN", "Ft": "HUF", "lei": "RON", "Fr": "CHF", "SFr": "CHF",
}  # fmt: skip
_CODES = [
    "AED", "ARS", "AUD", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP",
    "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KWD", "MAD", "MXN",
    "MYR", "NGN", "NOK", "NZD", "OMR", "PEN", "PHP", "PLN", "QAR", "RON", "RUB", "SAR", "SEK", "SGD",
    "THB", "TRY", "TWD", "UAH", "USD", "VND", "ZAR",
]  # fmt: skip
_CODE_OF = {name.casefold(): code for name, code in {**_SYMBOLS, **{code: code for code in _CODES}}.items()}

_NO_LETTER_BEFORE, _NO_LETTER_AFTER = r"(?<![^\W\d_])", r"(?![^\W\d_])"
_LETTERED = sorted((name for name in [*_SYMBOLS, *_CODES] if name.isalpha()), key=len, reverse=True)
_SIGNED = sorted((re.escape(name) for name in _SYMBOLS if not name.isalpha()), key=len, reverse=True)
_CURRENCY = rf"{_NO_LETTER_BEFORE}(?:(?:{'|'.join(_LETTERED)})\.?{_NO_LETTER_AFTER}|{'|'.join(_SIGNED)})"

_GAP = "[ \u00a0\u202f]"
_MINUS = "-\u2212"
_DASH = "[-\u2013\u2014]"
_APOSTROPHE = "['\u2019]"
_NUMBER = (
    r"(?:"
    r"\d{1,3}(?:,\d{3})+(?: ?\. ?\d{2}|\.\d)?"  # 1,234.50, perhaps with spaces beside the mark
    r"|\d{1,3}(?:\.\d{3})+(?: ?, ?\d{2}|,\d)?"  # 1.234,50
    rf"|\d{{1,3}}(?:{_APOSTROPHE}\d{{3}})+(?:[.,]\d{{1,2}})?"  # 1'234.50
    rf"|\d{{1,3}}(?:{_GAP}\d{{3}})+,\d{{1,2}}"  # 1 234,50
    # With a point it may be a quantity and a price, but not behind a currency: RM 1 234.50.
    rf"|(?(prefix)\d{{1,3}}(?:{_GAP}\d{{3}})+\.\d{{1,2}}(?!\d)|(?!))"
    r"|\d+[.,]\d{1,4}"
    r"|\d+ ?[.,] ?\d{2}"  # spaces that a reader put beside the mark
    r"|[.,]\d{2}"
    r"|\d+)"
)
_AMOUNT = re.compile(
    rf"(?:(?P<before>(?<![\w.)])[{_MINUS}])(?={_CURRENCY}))?(?P<outer>\((?={_CURRENCY}))?"
    rf"(?P<prefix>{_CURRENCY})?(?(prefix){_GAP}{{0,2}})(?P<open>\()?"
    rf"(?P<bare>(?:(?P<sign>(?<![\w.)])[{_MINUS}]){_GAP}?)?"
    rf"(?<!\d)(?<!\d[.,/:])(?P<number>{_NUMBER})(?P<whole>[.,]{_DASH})?"
    r"(?!\d)(?![.,/:]\d)(?!\s?%)(?P<trailing>(?<!-)-(?![\w.]))?)(?P<close>\))?"
    rf"(?:{_GAP}{{0,2}}(?P<suffix>{_CURRENCY}))?",
    re.IGNORECASE,
)
# By itself it is one amount; within a line the first group may be a quantity.
_SPACED = re.compile(rf"\d{{1,3}}(?:{_GAP}\d{{3}})+\.\d{{1,2}}")
_CLOSING_NUMBER = re.compile(r"(?<![^\s:=])\d{1,9}(?=\s*$)")
_ANY_CURRENCY = re.compile(_CURRENCY, re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_MARKS = ".,"
# Encoding and decoding ask for the same lines of a batch.
_REMEMBERED = 1 << 16
_LONGEST_AMOUNT = 17  # digits of minor units; a table's integers hold no more
_LONGEST_WHOLE = 9  # digits; longer ones are article and telephone numbers


class AmountMatch(NamedTuple):
    """A span of a line that reads as an amount, or as a currency: `line[start:end] == text`."""

    start: int
    end: int
    text: str


def find_amounts(text: str) -> list[AmountMatch]:
    """List the spans of a line that look like amounts of money, from left to right.

    Each amount comes first as the number with its own sign (`9.00`, `-1.73`, `12,00-`), then, where brackets
    or a currency stand beside it, once more with them (`(12.00)`, `RM9.00`, `-12,00 €`). Whole numbers count
    only beside a currency or when the line holds nothing else; percentages, dates and times do not count.
    """
    return list(_amounts(text)) if _DIGIT.search(text) else []


@lru_cache(_REMEMBERED)
def _amounts(text: str) -> tuple[AmountMatch, ...]:
    money = (match for match in _AMOUNT.finditer(text) if _is_money(match, text))
    return tuple(each for match in money for each in _variants(match))


def find_sums(text: str) -> list[AmountMatch]:
    """As `find_amounts`; of a line without an amount the whole number at its end, as in `CHANGE: 0`."""
    if found := find_amounts(text):
        return found
    return [AmountMatch(*number.span(), number[0]) for number in _CLOSING_NUMBER.finditer(text)]


@lru_cache(_REMEMBERED)
def minor_units(text: str, exponent: int = 2, decimal_mark: str | None = None) -> int | None:
    """Convert the first amount to minor units: `'1.234,50'` -> `123450`; None when no amount is there.

    Args:
        text: an amount as printed, with or without currency; `-12,00`, `12,00-` and `(12.00)` are negative.
        exponent: digits of the currency's minor unit, as from `babel.numbers.get_currency_precision`.
        decimal_mark: `.` or `,` where the document's habit is known. Otherwise the last of two different
            marks is the decimal one, a repeated mark groups thousands, and a single mark before exactly three
            digits groups thousands too (`16,500` is sixteen thousand) unless the currency has three decimals
            or the digits before it cannot be a group (`0.500`, `1234.500`).

    Digits beyond the exponent are rounded half up.
    """
    whole = text.strip()
    joined = re.sub(_GAP, "", whole) if _SPACED.fullmatch(whole) else text
    match = next((found for found in _AMOUNT.finditer(joined) if _is_money(found, joined)), None)
    if match is None:
        return None
    plain = _plain(match["number"], exponent, decimal_mark)
    if len(plain.partition(".")[0]) + exponent > _LONGEST_AMOUNT:
        return None
    scaled = int((Decimal(plain) * 10**exponent).to_integral_value(ROUND_HALF_UP))
    return -scaled if _is_negative(match) else scaled


def currency_code(text: str) -> str | None:
    """Name the ISO 4217 code of the first currency sign or code in a text; None when there is none.

    Signs of several currencies mean the most common one: `$` is USD, `kr` is SEK.
    """
    match = _ANY_CURRENCY.search(text)
    return _CODE_OF.get(match[0].casefold().rstrip(".")) if match else None


def find_currencies(text: str) -> list[AmountMatch]:
    """List the currency signs and codes of a line, from left to right; beside an amount or apart from one."""
    return [AmountMatch(*found.span(), found[0]) for found in _ANY_CURRENCY.finditer(text)]


def currency_exponent(currency: str) -> int:
    """Digits of a currency's minor unit: 2 for EUR, 0 for JPY, 3 for KWD; 2 for a code that is not known."""
    return get_currency_precision(currency)


def _is_money(match: re.Match[str], text: str) -> bool:
    number = match["number"]
    if match["prefix"] or match["suffix"] or match["whole"] or not number.isdigit():
        return True
    others = text[: match.start()] + text[match.end() :]
    return len(number) <= _LONGEST_WHOLE and not any(character.isalnum() for character in others)


def _variants(match: re.Match[str]) -> list[AmountMatch]:
    start, end = match.span("bare")
    spans = [(start, end)]
    if match["open"] and match["close"]:
        start, end = match.start("open"), match.end("close")
        spans.append((start, end))
    if match["outer"] and match["close"]:
        start, end = match.start("outer"), match.end("close")
    elif match["prefix"]:
        start = match.start("before" if match["before"] else "prefix")
    if match["suffix"]:
        end = match.end()
    spans.append((start, end))
    return [AmountMatch(first, last, match.string[first:last]) for first, last in dict.fromkeys(spans)]


def _is_negative(match: re.Match[str]) -> bool:
    in_brackets = bool((match["open"] or match["outer"]) and match["close"])
    return in_brackets or any(match[name] for name in ("before", "sign", "trailing"))


def _plain(number: str, exponent: int, decimal_mark: str | None) -> str:
    """Rewrite a printed number with a point and no grouping: `1.234,50` -> `1234.50`."""
    digits = re.sub(rf"\s|{_APOSTROPHE}", "", number)
    mark = decimal_mark or _guessed_mark(digits, exponent)
    whole, _, fraction = digits.rpartition(mark) if mark and mark in digits else (digits, "", "")
    return f"{re.sub(r'[.,]', '', whole) or '0'}.{re.sub(r'[.,]', '', fraction) or '0'}"


def _guessed_mark(digits: str, exponent: int) -> str | None:
    marks = [character for character in digits if character in _MARKS]
    if not marks:
        return None
    if len(set(marks)) == 2:
        return marks[-1]
    if len(marks) > 1:
        return None
    before, _, after = digits.partition(marks[0])
    is_group = len(after) == 3 and exponent != 3 and 1 <= len(before) <= 3 and not before.startswith("0")
    return None if is_group else marks[0]

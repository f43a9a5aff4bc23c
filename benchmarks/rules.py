"""Fields of a receipt by rules and regular expressions alone: the lowest rung of `benchmark ladder`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from invoicelake.models.decoding import Prediction
from invoicelake.models.tokens import reading_rows
from invoicelake.text.amounts import find_amounts, minor_units
from invoicelake.text.dates import find_dates
from invoicelake.text.document import Line

_COMPANY = re.compile(
    r"\b(SDN\.? ?BHD|BHD|S/B|ENTERPRISE|TRADING|RESTORAN|RESTAURANT|HARDWARE|STATIONERY|LTD|GMBH|INC|LLC)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(NO|LOT|JALAN|JLN|TAMAN|TMN|ROAD|STREET|STR|FLOOR|LEVEL|BANDAR|KAWASAN|\d{5})\b", re.IGNORECASE
)
_NO_ADDRESS = re.compile(
    r"\b(TEL|FAX|GST|REG|TAX|INVOICE|DATE|CASHIER|RECEIPT|ROC)\b|CO\.? ?NO", re.IGNORECASE
)
_TOTAL = re.compile(r"\bTOTAL\b|\bAMOUNT DUE\b|\bNETT?\b", re.IGNORECASE)
_NO_TOTAL = re.compile(
    r"\bSUB|\bGST\b|\bTAX\b|\bQTY\b|\bITEM|\bDISC|\bSAVING|\bCHANGE\b|\bROUND", re.IGNORECASE
)
_HEAD_ROWS = 6
_ADDRESS_ROWS = 6


class Rules:
    """Reads by rules; nothing is learnt."""

    weights: tuple[()] = ()

    def predict(self, documents: Sequence[Sequence[Line]]) -> list[list[Prediction]]:
        """The fields of each document, from its lines; each with score 1."""
        return [_read(lines) for lines in documents]


def _read(lines: Sequence[Line]) -> list[Prediction]:
    rows = reading_rows(lines)
    head = [number for row in rows[: _HEAD_ROWS + _ADDRESS_ROWS] for number in row]
    company = _company(lines, head[:_HEAD_ROWS])
    dates = [match.text for row in rows for number in row for match in find_dates(lines[number].text)]
    values = {
        "company": lines[company].text if company is not None else "",
        "address": " ".join(lines[number].text for number in _address(lines, head, company)),
        "date": next(iter(dates), ""),
        "total": _total(lines, rows),
    }
    return [Prediction(name, value, 1.0, ()) for name, value in values.items() if value]


def _company(lines: Sequence[Line], head: Sequence[int]) -> int | None:
    """The first line at the top with a form of company; else the first with letters."""
    named = [n for n in head if _COMPANY.search(lines[n].text)]
    lettered = [n for n in head if sum(map(str.isalpha, lines[n].text)) > 2]
    return next(iter([*named, *lettered]), None)


def _address(lines: Sequence[Line], head: Sequence[int], company: int | None) -> list[int]:
    """Lines below the company from the first that looks like an address to the first that does not."""
    below = list(head[head.index(company) + 1 :]) if company in head else list(head)
    first = next((k for k, n in enumerate(below) if _ADDRESS.search(lines[n].text)), len(below))
    chosen = []
    for number in below[first : first + _ADDRESS_ROWS]:
        if _NO_ADDRESS.search(lines[number].text) or find_dates(lines[number].text):
            break
        chosen.append(number)
    return chosen


def _total(lines: Sequence[Line], rows: Sequence[Sequence[int]]) -> str:
    """The largest amount of the rows that name a total; else of all rows."""
    named: list[str] = []
    others: list[str] = []
    for row in rows:
        text = " ".join(lines[number].text for number in row)
        amounts = [match.text for number in row for match in find_amounts(lines[number].text)]
        (named if _TOTAL.search(text) and not _NO_TOTAL.search(text) else others).extend(amounts)
    return max(named or others, key=lambda text: abs(minor_units(text) or 0), default="")

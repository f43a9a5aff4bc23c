"""Percentages in printed text: where they stand and what they are worth."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

_PERCENTAGE = re.compile(r"(?<![\w.,])(?P<number>\d{1,3}(?:[.,]\d{1,3})?)\s?%")


class PercentageMatch(NamedTuple):
    """A span of a line that is a number before a per cent sign: `line[start:end] == text`."""

    start: int
    end: int
    text: str


def find_percentages(text: str) -> list[PercentageMatch]:
    """List the percentages of a line, from left to right, without their signs: `19`, `8.25`."""
    return [PercentageMatch(*found.span("number"), found["number"]) for found in _PERCENTAGE.finditer(text)]


def share_of(text: str) -> float | None:
    """The share that a percentage means, with its sign or without: `'8,25'` -> `0.0825`; None: no number."""
    found = re.fullmatch(r"(\d{1,3}(?:[.,]\d{1,3})?)\s?%?", text.strip())
    return float(Decimal(found[1].replace(",", ".")) / 100) if found else None

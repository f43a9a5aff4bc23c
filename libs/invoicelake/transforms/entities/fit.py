"""How well a document fits a ledger entry of the same amount; plain Python."""

from __future__ import annotations

import re

from invoicelake.transforms.entities.names import likeness, name_words
from invoicelake.transforms.entities.weights import Comparison

_AMOUNT, _NAME, _NUMBER, _DAYS = 0.3, 0.4, 0.2, 0.1
_NO_LETTER_OR_DIGIT = re.compile(r"[\W_]+")


def fit(
    company: str | None,
    invoice_number: str | None,
    entry_name: str | None,
    entry_number: str | None,
    days_after: int,
    link_days: int,
) -> list[Comparison]:
    """Compare in name, number and day; the parts add up to at most 1.

    Clerks give a purchase the supplier's invoice number or one of their own, so another number says little.
    """
    words, entry_words = name_words(company or ""), name_words(entry_name or "")
    alike = round(likeness(words, entry_words), 3)
    numbers = [_bare(each) for each in (invoice_number, entry_number)]
    is_same_number = bool(numbers[0]) and numbers[0] == numbers[1]
    closeness = 1 - days_after / (link_days + 1)
    return [
        Comparison("amount", "the same", _AMOUNT),
        Comparison("name", f"{alike:.0%} alike", round(_NAME * alike, 4)),
        Comparison(
            "invoice_number",
            "the same" if is_same_number else "different",
            _NUMBER if is_same_number else 0.0,
        ),
        Comparison("day", f"{days_after} days after", round(_DAYS * closeness, 4)),
    ]


def fit_score(parts: list[Comparison]) -> float:
    """The sum of the parts, 0 to 1."""
    return round(sum(each.weight for each in parts), 6)


def _bare(number: str | None) -> str:
    return _NO_LETTER_OR_DIGIT.sub("", number or "").upper().lstrip("0")

"""Whether two values mean the same, however they are written."""

from __future__ import annotations

from typing import get_args

from invoicelake import config
from invoicelake.evaluation.metrics import NORMALISATIONS, letters_and_digits
from invoicelake.text.amounts import currency_code, currency_exponent, minor_units
from invoicelake.text.dates import parse_date


def means_the_same(kind: config.FieldKind, read: str, label: str, publish: config.Publish) -> bool:
    """Whether a value that was read means what the annotator wrote.

    Amounts mean the same when they are equal in minor units, and no two currencies are named; dates when they
    are of the same day; all else, and what cannot be parsed, when letters and digits are the same, upper and
    lower case alike.

    Args:
        kind: of the field.
        read: as printed.
        label: as annotated; nothing means what a blank one does.
        publish: currency where none is named, and the order of day and month.
    """
    if not label.strip():
        return False
    if kind == "amount":
        codes = [currency_code(text) for text in (read, label)]
        exponent = currency_exponent(codes[0] or codes[1] or publish.currency)
        amounts = [minor_units(text, exponent) for text in (read, label)]
        if None not in amounts:
            return amounts[0] == amounts[1] and (None in codes or codes[0] == codes[1])
    if kind == "date":
        days = [parse_date(text, publish.day_first) for text in (read, label)]
        if None not in days:
            return days[0] == days[1]
    return letters_and_digits(read).casefold() == letters_and_digits(label).casefold() != ""


def is_right(
    kind: config.FieldKind, read: str, label: str, comparison: config.Comparison, publish: config.Publish
) -> bool:
    """Whether a value counts as right in a comparison; without a label nothing is."""
    if comparison == "meaning":
        return means_the_same(kind, read, label, publish)
    normalise = NORMALISATIONS[comparison]
    return normalise(label) == normalise(read) != ""


def verdicts(kind: config.FieldKind, read: str, label: str, publish: config.Publish) -> dict[str, bool]:
    """Whether a value counts as right in each comparison, as columns `is_right_COMPARISON` say it."""
    return {
        f"is_right_{comparison}": is_right(kind, read, label, comparison, publish)
        for comparison in get_args(config.Comparison)
    }

"""When two values mean the same."""

from __future__ import annotations

import pytest

from invoicelake import config
from invoicelake.evaluation.meaning import is_right, means_the_same

PUBLISH = config.Publish(currency="MYR", day_first=True)
# why, kind, read, label, whether they mean the same
PAIRS = [
    ("a nought less", "amount", "43.70", "43.7", True),
    ("with its currency", "amount", "29.70", "RM 29.70", True),
    ("as a continental writes it", "amount", "1.234,50", "1,234.50", True),
    ("another amount", "amount", "29.70", "29.10", False),
    ("less instead of more", "amount", "-29.70", "29.70", False),
    ("another currency", "amount", "USD 5.00", "EUR 5.00", False),
    ("a currency without minor units", "amount", "JPY 500", "500", True),
    ("no amount", "amount", "n/a", "N/A", True),
    ("no amount against one", "amount", "n/a", "5.00", False),
    ("day in another form", "date", "04/03/2018", "20180304", True),
    ("month by name", "date", "4 MAR 2018", "04-03-18", True),
    ("day and month turned", "date", "03/04/2018", "04/03/2018", False),
    ("no date", "date", "yesterday", "Yesterday", True),
    ("spaces and stops", "text", "TAN  WOON YANN.", "Tan Woon Yann", True),
    ("a letter", "text", "TEO HENG", "TED HENG", False),
    ("marks alone", "text", "-", "--", False),
    ("nothing annotated", "text", "ACME", "", False),
    ("nothing annotated for an amount", "amount", "0.00", " ", False),
]


@pytest.mark.parametrize(
    ("kind", "read", "label", "same"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS]
)
def test_means_the_same(kind, read, label, same):
    assert means_the_same(kind, read, label, PUBLISH) is same


COMPARISONS = [
    ("meaning", "29.70", "RM 29.7", True),
    ("exact", "29.70", "RM 29.7", False),
    ("exact", "29.70", "29.70", True),
    ("nospace", "RM 29.70", "RM29.70", True),
    ("alnum", "RM 29.70", "RM2970", True),
    ("alnum", "-", "", False),
]


@pytest.mark.parametrize(("comparison", "read", "label", "right"), COMPARISONS)
def test_is_right(comparison, read, label, right):
    assert is_right("amount", read, label, comparison, PUBLISH) is right

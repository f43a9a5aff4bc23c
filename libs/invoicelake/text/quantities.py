"""Quantities in printed text."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"\d+(?:[.,]\d+)?|[.,]\d+")


def quantity_of(text: str) -> float | None:
    """The first number in a quantity such as `2`, `1X`, `x3`, `4.00xITEMs`, `0,5 kg`; None for no number."""
    found = _QUANTITY.search(text)
    return float(Decimal(found[0].replace(",", "."))) if found else None

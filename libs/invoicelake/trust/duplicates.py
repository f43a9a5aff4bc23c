"""What makes two documents the same invoice."""

from __future__ import annotations

from datetime import date


def invoice_key(
    supplier: str | None,
    number: str | None,
    invoice_date: date | None,
    total_minor: int | None,
    currency: str | None,
) -> str | None:
    """The same for documents that are the same invoice; None where too little was read to tell.

    An invoice is known by its supplier, number and day, since some count anew each year; without a number by
    supplier, day and total.
    """
    name = _letters(supplier)
    if not name:
        return None
    if _letters(number):
        return f"{name}/number/{_letters(number)}/{invoice_date or ''}"
    if invoice_date is None or total_minor is None:
        return None
    return f"{name}/total/{total_minor}/{currency or ''}/{invoice_date}"


def _letters(text: str | None) -> str:
    return "".join(filter(str.isalnum, (text or "").upper()))

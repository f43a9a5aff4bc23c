"""Faults planted in the values of sound invoices, of the kinds that readers and writers of invoices make."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from invoicelake.sources.generated.wording import between, pick
from invoicelake.text.identifiers import account_holds, tax_number_holds
from invoicelake.trust.invoice_checks import InvoiceValues, ItemValues, TaxValues

Plant = Callable[[random.Random, InvoiceValues, date], InvoiceValues | None]
_TRIES = 50


def planted(
    draw: random.Random, invoice: InvoiceValues, kind: str, as_of: date
) -> tuple[InvoiceValues, frozenset[str]] | None:
    """The invoice with a fault of that kind, and the reasons that may be given for it.

    None where there is no room for it: no account to misread, no second rate to leave out.

    Args:
        draw: of the place and size of the fault.
        invoice: a sound one.
        kind: one of `FAULTS`.
        as_of: day after which no invoice is dated.
    """
    plant, reasons = FAULTS[kind]
    for _ in range(_TRIES):
        faulty = plant(draw, invoice, as_of)
        if faulty is None or faulty != invoice:
            return None if faulty is None else (faulty, reasons)
    return None


def _misread(draw: random.Random, value: int) -> int:
    """The amount with one digit read as another."""
    digits = list(str(abs(value)))
    place = between(draw, 0, len(digits) - 1)
    digits[place] = str((int(digits[place]) + between(draw, 1, 9)) % 10)
    return int("".join(digits)) * (-1 if value < 0 else 1)


def _amount(name: str) -> Plant:
    def plant(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
        return _changed(invoice, name, _misread(draw, getattr(invoice, name)))

    return plant


def _changed(invoice: InvoiceValues, name: str, value: int) -> InvoiceValues:
    changes: dict[str, Any] = {name: value}
    return replace(invoice, **changes)


def _shifted_mark(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues | None:
    total = invoice.total_minor or 0
    return replace(invoice, total_minor=pick(draw, (total * 10, total * 100, total // 10, total // 100)))


def _other_sign(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
    name = pick(draw, ("net_minor", "tax_minor", "total_minor"))
    return _changed(invoice, name, -getattr(invoice, name))


def _swapped(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
    return replace(invoice, net_minor=invoice.total_minor, total_minor=invoice.net_minor)


def _item(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
    items = list(invoice.line_items or ())
    place = between(draw, 0, len(items) - 1)
    name = pick(draw, ("unit_price_minor", "amount_minor"))
    items[place] = replace(items[place], **{name: _misread(draw, getattr(items[place], name))})
    return replace(invoice, line_items=tuple(items))


def _lost_item(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues | None:
    items = list(invoice.line_items or ())
    if len(items) < 2:
        return None
    del items[between(draw, 0, len(items) - 1)]
    return replace(invoice, line_items=tuple(items))


def _item_twice(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
    items: tuple[ItemValues, ...] = tuple(invoice.line_items or ())
    return replace(invoice, line_items=(*items, pick(draw, items)))


def _tax_too_high(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
    """All adds up, at a rate that no country has."""
    net, rounding = invoice.net_minor or 0, invoice.rounding_minor or 0
    rate = between(draw, 35, 95) / 100
    tax = round(net * rate) + 2
    lines = (TaxValues(rate, net, tax),)
    return replace(invoice, tax_minor=tax, total_minor=net + tax + rounding, tax_lines=lines)


def _other_rate(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues | None:
    """A rate that the amounts do not fit."""
    lines = list(invoice.tax_lines or ())
    if min(abs(line.net_minor) for line in lines) < 200:
        return None
    place = between(draw, 0, len(lines) - 1)
    lines[place] = replace(lines[place], rate=lines[place].rate + pick(draw, (0.02, 0.05, -0.03)))
    return replace(invoice, tax_lines=tuple(lines))


def _due_before(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues | None:
    if invoice.invoice_date is None:
        return None
    return replace(invoice, due_date=invoice.invoice_date - timedelta(days=between(draw, 1, 400)))


def _future(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
    day = as_of + timedelta(days=between(draw, 1, 4000))
    return replace(invoice, invoice_date=day, due_date=day + timedelta(days=14))


def _wrong_number(draw: random.Random, text: str, holds: Callable[[str], bool | None]) -> str | None:
    """The number with a digit misread or two neighbours swapped; one that is a number again is no fault."""
    if not holds(text):
        return None
    places = [place for place, character in enumerate(text) if character.isdigit()]
    for _ in range(_TRIES):
        found, place = list(text), pick(draw, places)
        if draw.random() < 0.5 and place + 1 in places:
            found[place : place + 2] = found[place + 1], found[place]
        else:
            found[place] = str((int(found[place]) + between(draw, 1, 9)) % 10)
        if not holds("".join(found)):
            return "".join(found)
    return None


def _tax_number(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues | None:
    wrong = _wrong_number(
        draw, invoice.tax_number or "", lambda text: tax_number_holds(text, invoice.country)
    )
    return replace(invoice, tax_number=wrong) if wrong else None


def _account(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues | None:
    wrong = _wrong_number(draw, invoice.iban or "", account_holds)
    return replace(invoice, iban=wrong) if wrong else None


def _currency(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
    return replace(invoice, currency=pick(draw, ("EUK", "RM", "US0", "??", "EURO")))


def _again(draw: random.Random, invoice: InvoiceValues, as_of: date) -> InvoiceValues:
    return replace(invoice, seen_before=True)


_SUMS = frozenset(
    {"total_does_not_add_up", "items_do_not_add_up", "tax_lines_do_not_add_up", "tax_implausible"}
)
_ITEMS = frozenset({"item_amount_wrong", "items_do_not_add_up"})
FAULTS: dict[str, tuple[Plant, frozenset[str]]] = {
    "net_misread": (_amount("net_minor"), _SUMS),
    "tax_misread": (_amount("tax_minor"), _SUMS),
    "total_misread": (_amount("total_minor"), frozenset({"total_does_not_add_up"})),
    "decimal_mark_shifted": (_shifted_mark, frozenset({"total_does_not_add_up"})),
    "sign_lost": (_other_sign, _SUMS),
    "net_and_total_swapped": (_swapped, _SUMS),
    "item_misread": (_item, _ITEMS),
    "item_lost": (_lost_item, _ITEMS),
    "item_twice": (_item_twice, _ITEMS),
    "tax_too_high": (_tax_too_high, frozenset({"tax_implausible"})),
    "rate_misread": (_other_rate, frozenset({"tax_rate_does_not_fit"})),
    "due_before_invoiced": (_due_before, frozenset({"dates_out_of_order"})),
    "date_in_future": (_future, frozenset({"date_in_future", "dates_out_of_order"})),
    "tax_number_misread": (_tax_number, frozenset({"tax_number_wrong"})),
    "account_misread": (_account, frozenset({"account_number_wrong"})),
    "currency_misread": (_currency, frozenset({"currency_unknown"})),
    "sent_twice": (_again, frozenset({"seen_before"})),
}
"""Kinds of faults, and the reasons that checks may give for each."""

"""Checks of an invoice that need no model: what is read must agree with itself.

A check whose values were not read is not checked, which is not passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from babel.numbers import list_currencies

from invoicelake import config
from invoicelake.text.identifiers import account_holds, tax_number_holds

# Smallest coin, in minor units, of currencies in which cash is rounded: a total differs by half of it.
_CASH_STEPS = {"AUD": 5, "CAD": 5, "CHF": 5, "DKK": 50, "EUR": 5, "HUF": 500, "IDR": 10_000, "MYR": 5}
_CASH_STEPS |= {"NOK": 100, "NZD": 10, "SEK": 100, "SGD": 5}
_CURRENCIES = list_currencies()


class Outcome(StrEnum):
    """What came of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True)
class ItemValues:
    """A line item; amounts in minor units, None: not read."""

    quantity: float | None = None
    unit_price_minor: int | None = None
    amount_minor: int | None = None


@dataclass(frozen=True)
class TaxValues:
    """What is owed at one tax rate (a share), in minor units."""

    rate: float
    net_minor: int
    tax_minor: int


@dataclass(frozen=True)
class InvoiceValues:
    """The typed values of an invoice; None: not read.

    Attributes:
        currency: ISO 4217 code as printed.
        rounding_minor: what was added to net and tax to be payable in cash; 0: nothing.
        line_items: all of them, in printed order; None: not read.
        tax_lines: what is owed at each rate; None: not read.
        tax_rate: the one rate, a share, of a document that owes all of its tax at it.
        country: ISO 3166 code of the supplier.
        seen_before: whether an earlier document is the same invoice; None: its supplier, or what tells it
            from the supplier's others, is not read.
    """

    net_minor: int | None = None
    tax_minor: int | None = None
    rounding_minor: int | None = None
    total_minor: int | None = None
    currency: str | None = None
    invoice_date: date | None = None
    order_date: date | None = None
    due_date: date | None = None
    tax_number: str | None = None
    iban: str | None = None
    line_items: Sequence[ItemValues] | None = None
    tax_lines: Sequence[TaxValues] | None = None
    tax_rate: float | None = None
    country: str | None = None
    seen_before: bool | None = None


@dataclass(frozen=True)
class Finding:
    """A check with its outcome; the reason is the code of what is wrong, None where nothing was found."""

    check: str
    outcome: Outcome
    reason: str | None


def findings(invoice: InvoiceValues, settings: config.InvoiceChecks) -> Iterator[Finding]:
    """The outcome of every check, in the order of `CHECKS`."""
    for name, (reason, holds) in CHECKS.items():
        held = holds(invoice, settings)
        if held is None:
            yield Finding(name, Outcome.NOT_CHECKED, None)
        else:
            yield Finding(name, Outcome.PASSED if held else Outcome.FAILED, None if held else reason)


def _items_multiply(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    gaps = [
        item.quantity * item.unit_price_minor - item.amount_minor
        for item in invoice.line_items or ()
        if item.quantity is not None and item.unit_price_minor is not None and item.amount_minor is not None
    ]
    # A quantity such as 0.333 kg is itself rounded, so the product may differ by half a minor unit.
    return all(abs(gap) <= 0.5 for gap in gaps) if gaps else None


def _items_add_up(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    """The items are the net amount, or with the tax in their prices the gross one."""
    amounts = [item.amount_minor for item in invoice.line_items or ()]
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < len(amounts):
        return None
    if invoice.net_minor is not None and invoice.tax_minor is not None:
        return sum(known) in (invoice.net_minor, invoice.net_minor + invoice.tax_minor)
    if invoice.net_minor is not None:
        # Without the tax it cannot be told whether the prices include it.
        return True if sum(known) == invoice.net_minor else None
    if invoice.total_minor is None:
        return None
    gaps = [
        abs(sum(known) + tax + (invoice.rounding_minor or 0) - invoice.total_minor)
        for tax in {0, invoice.tax_minor or 0}
    ]
    if min(gaps) <= _slack(invoice, settings):
        return True
    return None if invoice.tax_minor is None else False


def _net_and_tax_make_total(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    if invoice.net_minor is None or invoice.tax_minor is None or invoice.total_minor is None:
        return None
    gap = invoice.net_minor + invoice.tax_minor + (invoice.rounding_minor or 0) - invoice.total_minor
    return abs(gap) <= _slack(invoice, settings)


def _slack(invoice: InvoiceValues, settings: config.InvoiceChecks) -> int:
    """By how much a total may differ: not at all where its rounding is known, else by half a coin."""
    if invoice.rounding_minor is not None:
        return 0
    return max(settings.rounding_minor, _CASH_STEPS.get(invoice.currency or "", 0) // 2)


def _rounding_is_small(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    if not invoice.rounding_minor or invoice.currency is None:
        return None
    largest = _CASH_STEPS.get(invoice.currency, 0) // 2
    return abs(invoice.rounding_minor) <= max(settings.rounding_minor, largest)


def _tax_is_plausible(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    """The tax has the sign of the net amount, and is not more of it than any rate there is."""
    if invoice.net_minor is None or invoice.tax_minor is None:
        return None
    net, tax = abs(invoice.net_minor), abs(invoice.tax_minor)
    has_one_sign = invoice.net_minor * invoice.tax_minor >= 0
    return has_one_sign and tax <= net * settings.max_tax_rate + 1


def _tax_lines_multiply(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    lines = list(invoice.tax_lines or ())
    if not lines and None not in (invoice.tax_rate, invoice.net_minor, invoice.tax_minor):
        lines = [TaxValues(invoice.tax_rate or 0.0, invoice.net_minor or 0, invoice.tax_minor or 0)]
    if not lines:
        return None
    # A tax taken out of a gross price may be off by one minor unit.
    return all(abs(line.net_minor * line.rate - line.tax_minor) <= 1 for line in lines)


def _tax_lines_add_up(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    if not invoice.tax_lines or invoice.net_minor is None or invoice.tax_minor is None:
        return None
    net, tax = (sum(getattr(line, name) for line in invoice.tax_lines) for name in ("net_minor", "tax_minor"))
    return bool(net == invoice.net_minor and tax == invoice.tax_minor)


def _dates_are_in_order(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    """Ordered, invoiced, due."""
    days = [day for day in (invoice.order_date, invoice.invoice_date, invoice.due_date) if day]
    return days == sorted(days) if len(days) > 1 else None


def _date_is_past(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    if invoice.invoice_date is None or settings.as_of is None:
        return None
    return invoice.invoice_date <= settings.as_of


def _currency_is_known(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    return None if invoice.currency is None else invoice.currency in _CURRENCIES


def _tax_number_holds(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    return tax_number_holds(invoice.tax_number, invoice.country) if invoice.tax_number else None


def _account_holds(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    return account_holds(invoice.iban) if invoice.iban else None


def _is_new(invoice: InvoiceValues, settings: config.InvoiceChecks) -> bool | None:
    return None if invoice.seen_before is None else not invoice.seen_before


_Holds = Callable[[InvoiceValues, config.InvoiceChecks], bool | None]
CHECKS: dict[str, tuple[str, _Holds]] = {
    "items_multiply": ("item_amount_wrong", _items_multiply),
    "items_add_up": ("items_do_not_add_up", _items_add_up),
    "net_and_tax_make_total": ("total_does_not_add_up", _net_and_tax_make_total),
    "rounding_is_small": ("rounding_too_large", _rounding_is_small),
    "tax_is_plausible": ("tax_implausible", _tax_is_plausible),
    "tax_lines_multiply": ("tax_rate_does_not_fit", _tax_lines_multiply),
    "tax_lines_add_up": ("tax_lines_do_not_add_up", _tax_lines_add_up),
    "dates_are_in_order": ("dates_out_of_order", _dates_are_in_order),
    "date_is_past": ("date_in_future", _date_is_past),
    "currency_is_known": ("currency_unknown", _currency_is_known),
    "tax_number_holds": ("tax_number_wrong", _tax_number_holds),
    "account_holds": ("account_number_wrong", _account_holds),
    "is_new": ("seen_before", _is_new),
}
"""Name of each check to the reason it gives, and what must hold; None: it cannot be told."""

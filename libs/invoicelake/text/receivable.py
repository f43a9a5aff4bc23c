"""What the values of a delivered receivable say: days, money, whether it is disputed."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

# Understood by Java too, so that Spark can add up the amounts as delivered.
AMOUNT = r"^-?([0-9]{1,3}(,[0-9]{3}){1,4}|[0-9]{1,15})(\.[0-9]+)?$"
_AMOUNT = re.compile(AMOUNT)
_YES = ("yes", "y", "true", "1")
_NO = ("no", "n", "false", "0")
_BILL_FORMATS = {"paper": "paper", "electronic": "electronic"}


class ReceivableRejected(ValueError):
    """A receivable that cannot be what it says."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Receivable(NamedTuple):
    """A receivable as it says itself; None where it says nothing, for `settled_date`: it is unsettled.

    `paperless_since` is None too where what it says is no day.
    """

    invoice_number: str
    customer_id: str
    invoice_date: datetime.date
    due_date: datetime.date | None
    settled_date: datetime.date | None
    amount_minor: int
    is_disputed: bool | None
    paperless_since: datetime.date | None
    bill_format: str | None


def read_receivable(
    values: Mapping[str, str | None], date_format: str, exponent: int, max_days: int
) -> Receivable:
    """Read the values of a line.

    Args:
        values: by column of bronze.receivable; None: empty. Where only the days to settlement are given, they
            say when it was settled.
        date_format: as `strptime` takes it.
        exponent: digits of the currency's minor unit.
        max_days: between invoice and due date, or settlement, are no more days than this.

    Raises:
        ReceivableRejected: something is missing that no rule fills, or cannot be.
    """
    invoice_date = _day(_given(values, "invoice_date"), "invoice_date", date_format)
    due_date = _day_if_given(values, "due_date", date_format)
    settled_date = _day_if_given(values, "settled_date", date_format)
    if settled_date is None and values["days_to_settle"]:
        settled_date = _settled_after(invoice_date, values["days_to_settle"], max_days)
    _require_order(invoice_date, due_date, settled_date, max_days)
    return Receivable(
        invoice_number=_given(values, "invoice_number"),
        customer_id=_given(values, "customer_id").removesuffix(".0"),
        invoice_date=invoice_date,
        due_date=due_date,
        settled_date=settled_date,
        amount_minor=_minor_units(_given(values, "amount"), exponent),
        is_disputed=_flag(values["is_disputed"]),
        paperless_since=_parsed(values["paperless_since"] or "", date_format),
        bill_format=_bill_format(values["bill_format"]),
    )


def amount_of(text: str | None) -> Decimal | None:
    """An amount as delivered, to four decimals; None where it cannot be read."""
    if text is None or not _AMOUNT.match(text):
        return None
    return Decimal(text.replace(",", "")).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def _given(values: Mapping[str, str | None], name: str) -> str:
    text = values[name]
    if not text:
        raise ReceivableRejected(f"missing_{name}", f"{name} is empty; expected a value")
    return text


def _minor_units(text: str, exponent: int) -> int:
    if not _AMOUNT.match(text):
        raise ReceivableRejected("bad_amount", f"amount {text!r}; expected a number such as 1234.50")
    scaled = Decimal(text.replace(",", "")).scaleb(exponent)
    if scaled != int(scaled):
        raise ReceivableRejected("bad_amount", f"amount {text!r}; the currency has {exponent} decimals")
    return int(scaled)


def _day(text: str, name: str, date_format: str) -> datetime.date:
    day = _parsed(text, date_format)
    if day is None:
        raise ReceivableRejected("bad_date", f"{name} {text!r}; expected a day in the form {date_format}")
    return day


def _day_if_given(values: Mapping[str, str | None], name: str, date_format: str) -> datetime.date | None:
    text = values[name]
    return _day(text, name, date_format) if text else None


def _settled_after(invoiced: datetime.date, days: str, max_days: int) -> datetime.date | None:
    number = int(days) if days.isascii() and days.isdecimal() and len(days) < 7 else max_days + 1
    return invoiced + datetime.timedelta(days=number) if number <= max_days else None


def _parsed(text: str, date_format: str) -> datetime.date | None:
    try:
        return datetime.datetime.strptime(text, date_format).date()
    except ValueError:
        return None


def _require_order(
    invoiced: datetime.date, due: datetime.date | None, settled: datetime.date | None, max_days: int
) -> None:
    for name, day in (("due", due), ("settled", settled)):
        if day is not None and day < invoiced:
            raise ReceivableRejected(
                f"{name}_before_invoice", f"{name} on {day}, invoiced on {invoiced}; expected no day before"
            )
        if day is not None and (day - invoiced).days > max_days:
            raise ReceivableRejected(
                "days_too_far_apart",
                f"{name} on {day}, invoiced on {invoiced}; expected at most {max_days} days between",
            )


def _flag(text: str | None) -> bool | None:
    if text is None:
        return None
    if text.casefold() not in _YES + _NO:
        raise ReceivableRejected("bad_disputed", f"is_disputed {text!r}; expected Yes or No")
    return text.casefold() in _YES


def _bill_format(text: str | None) -> str | None:
    if text is None:
        return None
    if text.casefold() not in _BILL_FORMATS:
        raise ReceivableRejected("bad_bill_format", f"bill_format {text!r}; expected Paper or Electronic")
    return _BILL_FORMATS[text.casefold()]

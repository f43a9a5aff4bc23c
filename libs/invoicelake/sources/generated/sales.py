"""What was sold, on which day and for how much: whole minor units, so that every document adds up."""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass

from invoicelake.sources.generated.suppliers import Party, Supplier, drawn_party
from invoicelake.sources.generated.wording import Locale, between, chance, filled, pick

_FIRST_DAY = datetime.date(2015, 1, 1)
_DAYS = 3650
_RATE_UNIT = 10_000
_RUPIAH_PER_CENT = 100
_PRICES = {"shop": (90, 4_900), "food": (150, 2_800), "service": (1_500, 98_000)}


@dataclass(frozen=True)
class Item:
    """One position: how many, and amounts in minor units."""

    description: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    rate: int


@dataclass(frozen=True)
class TaxLine:
    """What is owed at one tax rate (hundredths of a per cent), in minor units."""

    rate: int
    net_minor: int
    tax_minor: int


@dataclass(frozen=True)
class Sale:
    """A sale that adds up: the items give the net amount (or, tax included, the gross one);
    net + tax + rounding = total, and cash paid - change = total.
    """

    items: tuple[Item, ...]
    tax_lines: tuple[TaxLine, ...]
    tax_included: bool
    net_minor: int
    tax_minor: int
    rounding_minor: int
    total_minor: int
    paid_minor: int
    in_cash: bool
    day: datetime.date
    time: datetime.time
    other_days: dict[str, datetime.date]
    number: str
    order_number: str
    customer_number: str
    table: str
    served_by: str
    buyer: Party


def drawn_sale(draw: random.Random, issuer: Supplier) -> Sale:
    """Draw one sale of a supplier."""
    words, is_receipt = issuer.locale, issuer.kind == "receipt"
    tax_included = is_receipt and words.tax_included
    items = tuple(_item(draw, issuer) for _ in range(_item_count(draw, is_receipt)))
    tax_lines = tuple(_tax_line(items, rate, tax_included) for rate in sorted({item.rate for item in items}))
    net, tax = sum(line.net_minor for line in tax_lines), sum(line.tax_minor for line in tax_lines)
    in_cash = is_receipt and chance(draw, 0.6)
    rounding = _rounding(net + tax, words.cash_step) if in_cash else 0
    total = net + tax + rounding
    day = _FIRST_DAY + datetime.timedelta(days=between(draw, 0, _DAYS))
    return Sale(
        items=items,
        tax_lines=tax_lines,
        tax_included=tax_included,
        net_minor=net,
        tax_minor=tax,
        rounding_minor=rounding,
        total_minor=total,
        paid_minor=_paid(draw, total, words) if in_cash else total,
        in_cash=in_cash,
        day=day,
        time=datetime.time(between(draw, 7, 21), between(draw, 0, 59), between(draw, 0, 59)),
        other_days=_other_days(draw, day),
        number=filled(draw, issuer.layout.number_form.format(year=day.year)),
        order_number=filled(draw, "4500######"),
        customer_number=filled(draw, "1####"),
        table=str(between(draw, 1, 30)),
        served_by=f"{pick(draw, words.first_names)} {between(draw, 1, 9):02}",
        buyer=drawn_party(draw, words),
    )


def _item(draw: random.Random, issuer: Supplier) -> Item:
    low, high = _PRICES[issuer.trade]
    # Squared, so that most things are cheap.
    price = low + int((high - low) * draw.random() ** 2)
    price = _priced(draw, price, issuer.locale)
    quantity = 1 if chance(draw, 0.55) else between(draw, 2, 6)
    rates = issuer.locale.tax_rates
    is_reduced = issuer.trade == "food" or (issuer.layout.tax_summary and chance(draw, 0.3))
    description = pick(draw, issuer.locale.goods[issuer.trade])
    rate = rates[-1] if is_reduced else rates[0]
    return Item(issuer.layout.case(description), quantity, price, quantity * price, rate)


def _item_count(draw: random.Random, is_receipt: bool) -> int:
    """Mostly few; one document in forty is long, and a long invoice has several pages."""
    if chance(draw, 0.025):
        return between(draw, 14, 24) if is_receipt else between(draw, 30, 70)
    return 1 + int(11 * draw.random() ** 1.5)


def _priced(draw: random.Random, cents: int, words: Locale) -> int:
    """A price as shops make them, in the locale's minor unit."""
    if words.decimals == 0:
        return cents * _RUPIAH_PER_CENT // 500 * 500 + 500
    ending = pick(draw, (0, 50, 90, 95, 99, cents % 100))
    price = max(cents // 100 * 100 + ending, 50)
    return price // words.cash_step * words.cash_step if chance(draw, 0.8) else price


def _tax_line(items: tuple[Item, ...], rate: int, tax_included: bool) -> TaxLine:
    amount = sum(item.amount_minor for item in items if item.rate == rate)
    if tax_included:
        net = (2 * amount * _RATE_UNIT + _RATE_UNIT + rate) // (2 * (_RATE_UNIT + rate))
        return TaxLine(rate, net, amount - net)
    return TaxLine(rate, amount, (2 * amount * rate + _RATE_UNIT) // (2 * _RATE_UNIT))


def _rounding(amount: int, step: int) -> int:
    return (2 * amount + step) // (2 * step) * step - amount


def _paid(draw: random.Random, total: int, words: Locale) -> int:
    """What the customer gives: the exact sum, or the next round one."""
    note = pick(draw, (1, 500, 1000, 2000, 5000)) * (1 if words.decimals else _RUPIAH_PER_CENT)
    return -(-total // note) * note


def _other_days(draw: random.Random, day: datetime.date) -> dict[str, datetime.date]:
    return {
        "due_date": day + datetime.timedelta(days=pick(draw, (7, 10, 14, 30, 45, 60))),
        "order_date": day - datetime.timedelta(days=between(draw, 3, 20)),
        "delivery_date": day - datetime.timedelta(days=between(draw, 1, 3)),
    }

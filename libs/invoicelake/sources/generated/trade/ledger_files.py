"""The generated company's ledger, in files of the form that the real one comes in."""

from __future__ import annotations

import csv
import datetime
import io
import random
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from invoicelake import config
from invoicelake.sources.generated.documents import issued_sale
from invoicelake.sources.generated.trade.world import Customer, Product, customers, products
from invoicelake.sources.generated.wording import between, chance, pick
from invoicelake.sources.ledger.parsing import COLUMNS

LAST_DAY = datetime.date(2024, 12, 24)
_POSTED_SHARE = 0.7
_REMARKS = ("damages", "?", "check", "thrown away", "wet/rusty", None)


class Line(NamedTuple):
    """A line in the columns of the file."""

    invoice_number: str
    stock_code: str
    description: str | None
    quantity: int
    booked_at: datetime.datetime
    unit_price: Decimal
    customer_id: str | None
    country: str


def ledger_files(suite: config.Suite) -> dict[str, bytes]:
    """Name and content of each day's file: days of sale, and days with nothing but a supplier's invoice."""
    by_day: dict[datetime.date, list[Line]] = defaultdict(list)
    for number, day in enumerate(_days_of_sale(suite.trade.days)):
        by_day[day] += _day_of_sale(suite, number, day)
    for line in _purchases(suite):
        by_day[line.booked_at.date()].append(line)
    return {f"{day}.csv": _as_csv(by_day[day]) for day in sorted(by_day)}


def _days_of_sale(count: int) -> list[datetime.date]:
    """The last days up to `LAST_DAY` on which the company works: no Saturdays."""
    days: list[datetime.date] = []
    day = LAST_DAY
    while len(days) < count:
        if day.weekday() != 5:
            days.append(day)
        day -= datetime.timedelta(days=1)
    return days[::-1]


def _day_of_sale(suite: config.Suite, number: int, day: datetime.date) -> list[Line]:
    draw = random.Random(f"{suite.seed}/ledger/{number}")
    lines: list[Line] = []
    invoice = 500000 + 1000 * number
    target = max(1, round(suite.trade.lines_per_day * draw.uniform(0.8, 1.2)))
    while len(lines) < target:
        invoice += 1
        booked_at = datetime.datetime.combine(day, datetime.time(between(draw, 7, 19), between(draw, 0, 59)))
        lines += _stock_taking(draw, suite, str(invoice), booked_at) if chance(draw, 0.02) else []
        invoice += 1
        sale = _sale(draw, suite, str(invoice), booked_at)
        lines += sale
        if chance(draw, 0.06):
            invoice += 1
            lines.append(_cancelled(draw, f"C{invoice}", pick(draw, sale)))
    return lines


def _sale(draw: random.Random, suite: config.Suite, number: str, booked_at: datetime.datetime) -> list[Line]:
    # Squared, so that some customers and some products are bought from and sold more than others.
    buyers, goods = customers(suite.seed, suite.trade.customers), products(suite.seed, suite.trade.products)
    customer = buyers[int(draw.random() ** 2 * len(buyers))]
    known = customer.customer_id if chance(draw, 0.78) else None
    chosen = {goods[int(draw.random() ** 2 * len(goods))]: None for _ in range(between(draw, 1, 18))}
    lines = [_sold(draw, number, booked_at, product, customer, known) for product in chosen]
    if customer.country != "United Kingdom" and chance(draw, 0.7):
        lines.append(Line(number, "POST", "POSTAGE", 1, booked_at, Decimal("18.00"), known, customer.country))
    if chance(draw, 0.01):
        lines.append(lines[0])
    return lines


def _sold(
    draw: random.Random,
    number: str,
    booked_at: datetime.datetime,
    product: Product,
    customer: Customer,
    known: str | None,
) -> Line:
    quantity = pick(draw, (1, 1, 2, 2, 3, 4, 6, 6, 8, 12, 12, 24))
    price = Decimal(product.price_minor).scaleb(-2)
    description = None if chance(draw, 0.004) else product.description
    return Line(number, product.stock_code, description, quantity, booked_at, price, known, customer.country)


def _cancelled(draw: random.Random, number: str, sold: Line) -> Line:
    """A credit note for all or a part of a line, an hour later."""
    quantity = sold.quantity if chance(draw, 0.7) else between(draw, 1, sold.quantity)
    later = sold.booked_at + datetime.timedelta(hours=1)
    return sold._replace(invoice_number=number, quantity=-quantity, booked_at=later)


def _stock_taking(
    draw: random.Random, suite: config.Suite, number: str, booked_at: datetime.datetime
) -> list[Line]:
    product = pick(draw, products(suite.seed, suite.trade.products))
    lost = -between(draw, 1, 40)
    remark = pick(draw, _REMARKS)
    return [Line(number, product.stock_code, remark, lost, booked_at, Decimal("0.0"), None, "United Kingdom")]


def _purchases(suite: config.Suite) -> Iterator[Line]:
    """Most of the suppliers' invoices in the ledger's currency, posted some days after their date."""
    for index in range(suite.generator.documents):
        issuer, sale = issued_sale(index, suite.seed, suite.generator)
        draw = random.Random(f"{suite.seed}/purchase/{index}")
        if issuer.locale.currency != suite.ledger.currency or not chance(draw, _POSTED_SHARE):
            continue
        day = sale.day + datetime.timedelta(days=between(draw, 0, 5))
        booked_at = datetime.datetime.combine(day, datetime.time(between(draw, 9, 17), between(draw, 0, 59)))
        amount = Decimal(-sale.total_minor).scaleb(-issuer.locale.decimals)
        yield Line(
            f"P{900000 + index}" if chance(draw, 0.2) else sale.number,
            "PURCHASE",
            _respelt(draw, issuer.party.name),
            1,
            booked_at,
            amount,
            None,
            "United Kingdom",
        )


def _respelt(draw: random.Random, name: str) -> str:
    """A supplier's name as a clerk types it."""
    spelt = pick(draw, (name, name.upper(), name.title(), name.replace("Limited", "Ltd")))
    if chance(draw, 0.2):
        cut = between(draw, 1, max(1, len(spelt) - 2))
        spelt = spelt[:cut] + spelt[cut + 1 :]
    return spelt


def _as_csv(lines: list[Line]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in sorted(lines, key=lambda each: each.booked_at):
        customer = f"{line.customer_id}.0" if line.customer_id else ""
        writer.writerow(line._replace(customer_id=customer, description=line.description or ""))
    return written.getvalue().encode()

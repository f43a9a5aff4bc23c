"""The generated company's receivables, in a file a month of the form that the real ones come in.

How late a customer settles depends on its habits, on the amount, on whether the bill is disputed and on how
it was sent, so that there is something to be learnt.
"""

from __future__ import annotations

import csv
import datetime
import io
import random
from collections import defaultdict
from dataclasses import dataclass

import pycountry

from invoicelake import config
from invoicelake.sources.generated.trade.world import Customer, customers
from invoicelake.sources.generated.wording import between, chance, pick

FIRST_DAY = datetime.date(2023, 1, 2)
LAST_DAY = datetime.date(2024, 12, 24)
_HEAD = (
    "countryCode", "customerID", "PaperlessDate", "invoiceNumber", "InvoiceDate", "DueDate",
    "InvoiceAmount", "Disputed", "SettledDate", "PaperlessBill", "DaysToSettle", "DaysLate",
)  # fmt: skip
_PER_CUSTOMER = 16
_MISSING_SHARE = 0.046
_TERMS_DAYS = (30, 30, 30, 14, 60)


@dataclass(frozen=True)
class _Habits:
    """How a customer settles: days on average, how much they vary, and how often it disputes a bill."""

    customer: Customer
    terms_days: int
    days: float
    deviation: float
    dispute_share: float
    paperless_since: datetime.date


def receivable_files(suite: config.Suite) -> dict[str, bytes]:
    """Name and content of the file of each month: about `trade.receivables` receivables in all.

    What is not settled by `LAST_DAY` has no day of settlement.
    """
    count = suite.trade.receivables
    known = customers(suite.seed, suite.trade.customers)[: max(1, count // _PER_CUSTOMER)]
    habits = [_habits(suite.seed, customer) for customer in known]
    by_month: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for number in range(count):
        draw = random.Random(f"{suite.seed}/receivable/{number}")
        span = (LAST_DAY - FIRST_DAY).days
        day = FIRST_DAY + datetime.timedelta(days=span * number // count)
        by_month[f"{day:%Y-%m}"].append(_receivable(draw, pick(draw, habits), number, day))
    return {f"receivables-{month}.csv": _as_csv(rows) for month, rows in sorted(by_month.items())}


def _habits(seed: int, customer: Customer) -> _Habits:
    draw = random.Random(f"{seed}/habits/{customer.customer_id}")
    return _Habits(
        customer=customer,
        terms_days=pick(draw, _TERMS_DAYS),
        days=draw.uniform(-14, 16),
        deviation=draw.uniform(2, 8),
        dispute_share=draw.random() ** 2 * 0.6,
        paperless_since=FIRST_DAY + datetime.timedelta(days=between(draw, 0, 700)),
    )


def _receivable(draw: random.Random, habits: _Habits, number: int, day: datetime.date) -> tuple[str, ...]:
    amount_minor = round(draw.lognormvariate(8.7, 0.6))
    is_disputed = chance(draw, habits.dispute_share)
    is_paperless = habits.paperless_since < day
    late = draw.gauss(habits.days, habits.deviation) + 7 * is_disputed - 3 * is_paperless
    late += min(8.0, amount_minor / 3000)
    due = day + datetime.timedelta(days=habits.terms_days)
    settled = max(day, due + datetime.timedelta(days=round(late)))
    is_settled = settled <= LAST_DAY
    is_missing = chance(draw, _MISSING_SHARE)
    return (
        pycountry.countries.lookup(habits.customer.country).numeric,
        habits.customer.customer_id,
        "" if is_missing else _written(habits.paperless_since),
        str(7_000_000 + 37 * number),
        _written(day),
        _written(due),
        f"{amount_minor / 100:.2f}",
        "Yes" if is_disputed else "No",
        _written(settled) if is_settled else "",
        "" if is_missing else "Electronic" if is_paperless else "Paper",
        str((settled - day).days) if is_settled else "",
        str(max(0, (settled - due).days)) if is_settled else "",
    )


def _written(day: datetime.date) -> str:
    return f"{day.month}/{day.day}/{day.year}"


def _as_csv(rows: list[tuple[str, ...]]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([_HEAD, *rows])
    return written.getvalue().encode()

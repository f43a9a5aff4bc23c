"""Cancellations tied to the sales that they cancel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any

from pyspark.sql import DataFrame, functions as F

from invoicelake.transforms.arrow import map_rows
from invoicelake.transforms.ledger.chunks import chained, days_to_do
from invoicelake.transforms.ledger.kinds import CANCELLING_KINDS, is_cancelling

Row = Mapping[str, Any]
_GROUP = ("source", "customer_id", "stock_code", "unit_price")
_AMOUNTS = ("amount_minor", "reporting_amount_minor")
_VERSION = "2"
"""Of what the rows hold; when it differs, all days are tied again."""


@dataclass
class _Sale:
    entry_id: str
    entry_date: date
    left: int


def cancellations(entries: DataFrame, earlier: DataFrame, window_days: int, first_day: date) -> DataFrame:
    """The columns of silver.cancellation: what the credit notes of `first_day` and later cancel.

    A credit note's line cancels sales of the same product to the same customer at the same price that were
    booked before it and at most `window_days` earlier. First choice is the latest sale of which just its
    quantity is left, then the latest of which more is left; failing both, sales are used up, the latest
    first. No sale is cancelled beyond its quantity. What no sale is found for is a row of its own. Amounts
    are the note's, also in the reporting currency: at the rate of its own day, not of the sale's.

    Args:
        entries: silver.ledger_entry of one source, from `window_days` before `first_day` on.
        earlier: silver.cancellation of the same days before `first_day`: what is used up already.
    """
    used = (
        earlier.where(F.col("cancels_entry_id").isNotNull())
        .groupBy(F.col("cancels_entry_id").alias("entry_id"))
        .agg((-F.sum("quantity")).alias("used"))
    )
    is_note = is_cancelling(F.col("invoice_number")) & (F.col("quantity") < 0)
    is_wanted = is_note & (F.col("entry_date") >= F.lit(first_day)) & F.col("kind").isin(*CANCELLING_KINDS)
    is_sale = (F.col("quantity") > 0) & ~is_cancelling(F.col("invoice_number"))
    notes = entries.where(is_wanted)
    # Only what has a credit note at all is looked at: one product in twenty of a customer's.
    sales = entries.where(is_sale).join(notes.select(*_GROUP), on=list(_GROUP), how="left_semi")
    columns = [*_GROUP, "entry_id", "entry_date", "booked_at", "line_number", "quantity", *_AMOUNTS]
    events = sales.select(*columns, F.lit(False).alias("is_note")).unionByName(
        notes.select(*columns, F.lit(True).alias("is_note"))
    )
    ordered = (
        events.join(used, on="entry_id", how="left")
        .select(*columns, F.coalesce("used", F.lit(0)).alias("used"), "is_note")
        .repartition(*_GROUP)
        .sortWithinPartitions(*_GROUP, "booked_at", "is_note", "entry_id")
    )

    def tie(rows: Iterator[Row]) -> Iterable[Row]:
        for _, group in groupby(rows, key=lambda row: tuple(row[name] for name in _GROUP)):
            yield from tied(group, window_days)

    return map_rows(ordered, tie, _DDL)


_DDL = (
    "source string, entry_id string, part int, entry_date date, cancels_entry_id string, quantity bigint, "
    "amount_minor bigint, reporting_amount_minor bigint, how string, lag_days int"
)


def tied(group: Iterable[Row], window_days: int) -> Iterator[Row]:
    """What the credit notes of one customer, product and price cancel.

    Args:
        group: sales and credit notes (`is_note`), by time; `used` is what was cancelled of a sale before.
    """
    sales: list[_Sale] = []
    for row in group:
        if not row["is_note"]:
            sales.append(_Sale(row["entry_id"], row["entry_date"], row["quantity"] - row["used"]))
            continue
        # Anonymous customers are many; one's credit note would be tied to another's purchase.
        candidates = sales if row["customer_id"] is not None else []
        parts = _allocated(-row["quantity"], _open(candidates, row["entry_date"], window_days))
        yield from _as_rows(row, parts)


def _open(sales: list[_Sale], day: date, window_days: int) -> list[_Sale]:
    """The sales of which something is left, the latest first."""
    near = (sale for sale in reversed(sales) if (day - sale.entry_date).days <= window_days)
    return [sale for sale in near if sale.left > 0]


def _allocated(quantity: int, sales: list[_Sale]) -> list[tuple[_Sale | None, int, str]]:
    """Sale, quantity and how, for each part of a credit note; None: no sale was found for it."""
    whole = [(sale, "exact") for sale in sales if sale.left == quantity]
    larger = [(sale, "partial") for sale in sales if sale.left > quantity]
    for sale, how in [*whole, *larger][:1]:
        sale.left -= quantity
        return [(sale, quantity, how)]
    parts: list[tuple[_Sale | None, int, str]] = []
    for sale in sales:
        if quantity == 0:
            break
        taken = min(quantity, sale.left)
        sale.left -= taken
        quantity -= taken
        parts.append((sale, taken, "several"))
    return [*parts, (None, quantity, "none")] if quantity else parts


def _as_rows(note: Row, parts: list[tuple[_Sale | None, int, str]]) -> Iterator[Row]:
    amounts = [
        _shares(note[name], -note["quantity"], [quantity for _, quantity, _ in parts]) for name in _AMOUNTS
    ]
    numbered = enumerate(zip(parts, *amounts, strict=True), start=1)
    for number, ((sale, quantity, how), amount, reporting_amount) in numbered:
        yield {
            "source": note["source"],
            "entry_id": note["entry_id"],
            "part": number,
            "entry_date": note["entry_date"],
            "cancels_entry_id": sale.entry_id if sale else None,
            "quantity": -quantity,
            "amount_minor": amount,
            "reporting_amount_minor": reporting_amount,
            "how": how,
            "lag_days": (note["entry_date"] - sale.entry_date).days if sale else None,
        }


def _shares(amount: int | None, whole: int, quantities: list[int]) -> list[int | None]:
    """The amount by quantities that add up to the whole; null for each where it is not known."""
    if amount is None:
        return [None] * len(quantities)
    exact = (Decimal(amount * quantity) / Decimal(whole) for quantity in quantities[:-1])
    shares = [int(share.to_integral_value(ROUND_HALF_UP)) for share in exact]
    # The last part takes what rounding left over, so that the parts add up to the entry.
    return [*shares, amount - sum(shares)]


def days_to_tie(
    cleaned: DataFrame, tied_days: DataFrame, window_days: int
) -> tuple[dict[date, str], list[tuple[date, int]]]:
    """What each day is to be made from, and which days, with their lines, were not; few rows are collected.

    Args:
        cleaned: silver.ledger_day of one source.
        tied_days: silver.cancellation_day of that source.
    """
    # One job for both tables; of what is tied already there are no lines.
    known = tied_days.select(
        F.col("entry_date").alias("delivery_day"), F.lit(None).cast("bigint").alias("lines"), "made_from"
    )
    rows = cleaned.select("delivery_day", "lines", "made_from").unionByName(known).collect()
    days = [row for row in rows if row.lines is not None]
    done = {row.delivery_day: row.made_from for row in rows if row.lines is None}
    wanted = chained(((row.delivery_day, row.made_from) for row in days), str(window_days), _VERSION)
    to_do = set(days_to_do(wanted, done))
    return wanted, [(row.delivery_day, row.lines) for row in days if row.delivery_day in to_do]

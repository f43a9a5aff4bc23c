"""What was known of a customer or a country on the morning of a day, from receivables of the days before.

A receivable tells its facts on the day of its invoice (that it is there), on the day when it is due (from
then on it is overdue) and on the day when it is settled (how late, and whether it was disputed). Added up day
by day these give every count and mean, in the time that sorting the days takes; no row is joined with the
rows before it.
"""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame, Window, WindowSpec, functions as F

_ADDED = (
    "invoices",
    "invoiced_minor",
    "settled",
    "settled_minor",
    "late",
    "days_late",
    "days_to_settle",
    "disputed",
    "overdue",
    "overdue_minor",
    "overdue_since",
)
_EVENT = ("day", *_ADDED, "most_days_late", "last_days_late", "invoiced_on")


def known_before(receivables: DataFrame, *by: str) -> DataFrame:
    """Sums over the facts of earlier days, for each group and each day that has an invoice.

    Args:
        receivables: silver.receivable.
        by: columns of the group; rows where one is null are left out.

    Returns:
        One row per group and invoice day: `known_on`, the sums, `most_days_late`, `last_days_late` (of the
        receivable that was settled last; of several, that with the highest number) and `invoiced_on`, the
        last day with an invoice. A sum is null where there is no earlier day; facts of the day itself do not
        count.
    """
    events = receivables.select(*by, "invoice_number", F.inline(F.array(*_events())))
    has_day = reduce(lambda left, right: left & right, (F.col(name).isNotNull() for name in (*by, "day")))
    daily = (
        events.where(has_day)
        .groupBy(*by, "day")
        .agg(
            *[F.sum(name).alias(name) for name in _ADDED],
            F.max("most_days_late").alias("most_days_late"),
            F.max("last_days_late").alias("last_days_late"),
            F.max("invoiced_on").alias("invoiced_on"),
            F.max(F.col("invoices") > 0).alias("has_invoice"),
        )
    )
    before = Window.partitionBy(*by).orderBy("day").rowsBetween(Window.unboundedPreceding, -1)
    summed = daily.select(*by, F.col("day").alias("known_on"), "has_invoice", *_cumulated(before))
    return summed.where("has_invoice").drop("has_invoice")


def _cumulated(before: WindowSpec) -> list[Column]:
    sums = [F.sum(name).over(before).alias(name) for name in _ADDED]
    last = F.max("last_days_late").over(before)["days_late"].alias("last_days_late")
    most, invoiced_on = (F.max(name).over(before).alias(name) for name in ("most_days_late", "invoiced_on"))
    return [*sums, most, last, invoiced_on]


def _events() -> list[Column]:
    is_late = F.col("settled_date") > F.col("due_date")
    days_late = F.greatest(F.datediff("settled_date", "due_date"), F.lit(0))
    # What is settled before it is due is overdue on no day: both facts fall on the day when it is due.
    paid_up = F.when(F.col("settled_date").isNotNull(), F.greatest("settled_date", "due_date"))
    return [
        _event(
            F.col("invoice_date"),
            invoices=F.lit(1),
            invoiced_minor=F.col("amount_minor"),
            invoiced_on=F.col("invoice_date"),
        ),
        _event(F.col("due_date"), **_owed(1)),
        _event(paid_up, **_owed(-1)),
        _event(
            F.col("settled_date"),
            settled=F.lit(1),
            settled_minor=F.col("amount_minor"),
            late=is_late.cast("int"),
            days_late=days_late,
            days_to_settle=F.datediff("settled_date", "invoice_date"),
            disputed=F.col("is_disputed").cast("int"),
            most_days_late=days_late,
            last_days_late=F.struct("settled_date", "invoice_number", days_late.alias("days_late")),
        ),
    ]


def _owed(sign: int) -> dict[str, Column]:
    return {
        "overdue": F.lit(sign),
        "overdue_minor": F.col("amount_minor") * sign,
        "overdue_since": F.unix_date("due_date") * sign,
    }


def _event(day: Column, **facts: Column) -> Column:
    """What happened on a day, nothing where it did not happen."""
    columns = [day.alias("day")]
    for name in _EVENT[1:]:
        nothing = F.lit(0) if name in _ADDED else F.lit(None)
        kind = _KINDS.get(name, "bigint")
        columns.append(facts.get(name, nothing).cast(kind).alias(name))
    return F.struct(*columns)


_KINDS = {
    "most_days_late": "int",
    "last_days_late": "struct<settled_date: date, invoice_number: string, days_late: int>",
    "invoiced_on": "date",
}

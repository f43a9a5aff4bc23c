"""Whether what is said to be known on a day changes when only the days after it do."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.errors import JobError
from invoicelake.transforms.payment_delay.examples import KEY

_SHIFT_DAYS = 17


def with_another_future(receivables: DataFrame, cut: datetime.date) -> DataFrame:
    """The same receivables up to a day, and everything else afterwards.

    What was settled on that day or later is settled 17 days later, what was not settled is settled the day
    after it; disputes of both are turned round; customers who went paperless later, or never, do so on
    another later day. Receivables of later days are of twice the amount and settled when they are invoiced,
    and each receivable is there once more on the day after.

    Args:
        receivables: silver.receivable.
        cut: the last day that stays; what becomes known on it becomes known too late for its own invoices.
    """
    day = F.lit(cut)
    was_settled = F.col("settled_date") < day
    other_day = F.coalesce(
        F.date_add("settled_date", _SHIFT_DAYS), F.greatest(F.date_add(day, 1), "due_date")
    )
    is_later = F.col("invoice_date") > day
    settled = (
        F.when(is_later, F.col("invoice_date")).when(was_settled, F.col("settled_date")).otherwise(other_day)
    )
    paperless = F.when(F.col("paperless_since") <= day, F.col("paperless_since")).otherwise(
        F.coalesce(F.date_add("paperless_since", _SHIFT_DAYS), F.date_add(day, 1))
    )
    changed = receivables.withColumns(
        {
            "settled_date": settled,
            "is_disputed": F.col("is_disputed") != F.coalesce(~was_settled, F.lit(True)),
            "paperless_since": paperless,
            "amount_minor": F.col("amount_minor") * F.when(is_later, 2).otherwise(1),
        }
    )
    return changed.unionByName(_new_ones(changed, cut)).withColumns(
        {"days_to_settle": F.datediff("settled_date", "invoice_date"), "days_late": _days_late()}
    )


def leaking_features(
    build: Callable[[DataFrame], DataFrame],
    receivables: DataFrame,
    cut: datetime.date,
    key: Sequence[str] = KEY,
) -> list[str]:
    """Columns in which rows up to a day differ once the future after it is another one.

    Args:
        build: makes the features, with the key and `invoice_date` among their columns.
        receivables: silver.receivable.
        cut: rows invoiced on that day or before are compared.

    Returns:
        Names of the columns that leak, sorted; all of them where rows appear or vanish.
    """
    before = build(receivables).where(F.col("invoice_date") <= F.lit(cut))
    after = build(with_another_future(receivables, cut)).where(F.col("invoice_date") <= F.lit(cut))
    features = [name for name in before.columns if name not in key]
    agree = [F.col(f"before.{name}").eqNullSafe(F.col(f"after.{name}")) for name in key]
    joined = before.alias("before").join(after.alias("after"), on=agree, how="full")
    differ = [
        F.count_if(~F.col(f"before.{name}").eqNullSafe(F.col(f"after.{name}"))).alias(name)
        for name in features
    ]
    found = joined.agg(*differ).first()
    assert found is not None
    return sorted(name for name in features if found[name])


def require_no_leak(leaking: Sequence[str], cut: datetime.date) -> None:
    """Refuse features that depend on what came later.

    Raises:
        JobError: there are some.
    """
    if leaking:
        raise JobError(
            f"features leak the future: {', '.join(leaking)} of receivables up to {cut} change with what "
            "came after; nothing was written, and the feature's definition must be mended"
        )


def _new_ones(receivables: DataFrame, cut: datetime.date) -> DataFrame:
    """Each receivable once more, invoiced and settled on the day after."""
    after = F.lit(cut + datetime.timedelta(days=1))
    new = {
        "invoice_number": F.concat(F.lit("after-"), "invoice_number"),
        "invoice_date": after,
        "due_date": after,
        "settled_date": after,
        "is_disputed": F.lit(True),
    }
    return receivables.withColumns(new)


def _days_late() -> Column:
    return F.greatest(F.datediff("settled_date", "due_date"), F.lit(0))

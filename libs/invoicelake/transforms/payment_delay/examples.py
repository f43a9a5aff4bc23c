"""Receivables to examples: what was known when each was invoiced, and what became of it."""

from __future__ import annotations

import datetime

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake import config
from invoicelake.transforms.payment_delay.history import known_before

KEY = ("source", "invoice_number")
# What is known only later: never an input of a model.
LABELS = ("days_late", "is_late", "settled_date")


def payment_delay_examples(receivables: DataFrame, settings: config.PaymentDelay) -> DataFrame:
    """The columns of gold.payment_delay_example; one row per receivable.

    Args:
        receivables: silver.receivable.
        settings: where training ends and testing begins.
    """
    examples = payment_delay_features(receivables)
    labels = receivables.select(*KEY, "settled_date", "days_late", (F.col("days_late") > 0).alias("is_late"))
    joined = examples.join(labels, on=list(KEY), how="left")
    ends = joined.join(F.broadcast(split_days(receivables, settings)), on="source", how="left")
    split = _split(F.col("validation_from"), F.col("test_from"))
    return ends.select(*examples.columns, *LABELS, split.alias("split"))


def payment_delay_features(receivables: DataFrame) -> DataFrame:
    """What was known on the invoice date; one row per receivable, its key first.

    Whether a receivable is disputed turns out later, so only disputes of those settled before count. A bill's
    format counts only if the customer's wish was on record by then.
    """
    customers = known_before(receivables, "source", "customer_id").alias("of_customer")
    countries = known_before(receivables, "source", "country").alias("of_country")
    joined = _with_known(
        _with_known(receivables.alias("own"), customers, "customer_id"), countries, "country"
    )
    is_paperless = F.coalesce(F.col("own.paperless_since") <= F.col("own.invoice_date"), F.lit(False))
    return joined.select(
        *[f"own.{name}" for name in (*KEY, "invoice_date", "customer_id", "country", "currency")],
        "own.amount_minor",
        "own.reporting_amount_minor",
        "own.terms_days",
        (F.weekday("own.invoice_date") + 1).alias("invoice_weekday"),
        F.month("own.invoice_date").alias("invoice_month"),
        is_paperless.alias("is_paperless"),
        *_history("customer"),
        _share("of_customer.disputed", "of_customer.settled").alias("customer_disputed_share"),
        F.col("of_customer.last_days_late").alias("customer_last_days_late"),
        F.datediff("own.invoice_date", "of_customer.invoiced_on").alias("customer_days_since_invoice"),
        *_open("customer"),
        *_history("country"),
    )


def split_days(receivables: DataFrame, settings: config.PaymentDelay) -> DataFrame:
    """One row per source: `validation_from` and `test_from`, as set, or after a share of the receivables."""
    until = settings.train_share + settings.validation_share
    return receivables.groupBy("source").agg(
        _day(settings.validation_from, settings.train_share).alias("validation_from"),
        _day(settings.test_from, until).alias("test_from"),
    )


def _with_known(receivables: DataFrame, known: DataFrame, group: str) -> DataFrame:
    """Join what was known of each row's group on its invoice date; one row per receivable."""
    name = f"of_{group.removesuffix('_id')}"
    agree = (
        (F.col("own.source") == F.col(f"{name}.source"))
        & (F.col(f"own.{group}") == F.col(f"{name}.{group}"))
        & (F.col("own.invoice_date") == F.col(f"{name}.known_on"))
    )
    return receivables.join(known, on=agree, how="left")


def _history(name: str) -> list[Column]:
    settled = f"of_{name}.settled"
    return [
        _count(f"of_{name}.invoices").alias(f"{name}_invoices"),
        _count(settled).alias(f"{name}_settled"),
        _share(f"of_{name}.days_late", settled).alias(f"{name}_mean_days_late"),
        F.col(f"of_{name}.most_days_late").alias(f"{name}_most_days_late"),
        _share(f"of_{name}.late", settled).alias(f"{name}_late_share"),
        _share(f"of_{name}.days_to_settle", settled).alias(f"{name}_mean_days_to_settle"),
    ]


def _open(name: str) -> list[Column]:
    """What was neither settled nor, for `overdue`, yet to be due."""
    overdue = _count(f"of_{name}.overdue")
    days = overdue * F.unix_date("own.invoice_date") - _count(f"of_{name}.overdue_since")
    mean_days = F.when(overdue > 0, days / overdue)
    open_minor = _count(f"of_{name}.invoiced_minor") - _count(f"of_{name}.settled_minor")
    return [
        (_count(f"of_{name}.invoices") - _count(f"of_{name}.settled")).alias(f"{name}_open"),
        open_minor.alias(f"{name}_open_minor"),
        overdue.alias(f"{name}_overdue"),
        _count(f"of_{name}.overdue_minor").alias(f"{name}_overdue_minor"),
        mean_days.alias(f"{name}_mean_days_overdue"),
    ]


def _count(column: str) -> Column:
    return F.coalesce(column, F.lit(0).cast("bigint"))


def _share(part: str, whole: str) -> Column:
    """Part of whole; null where the whole is nothing."""
    return F.when(F.col(whole) > 0, F.col(part) / F.col(whole))


def _day(given: datetime.date | None, share: float) -> Column:
    """The day given, or the day by which this share of the receivables was invoiced."""
    if given:
        return F.lit(given)
    number = F.expr(f"percentile_disc({share!r}) WITHIN GROUP (ORDER BY unix_date(invoice_date))")
    return F.date_from_unix_date(number.cast("int"))


def _split(validation_from: Column, test_from: Column) -> Column:
    """By time; a label that nobody knew when the next split began is held back from this one."""
    invoiced, settled = F.col("invoice_date"), F.col("settled_date")
    return (
        F.when(settled.isNull(), "held_back")
        .when(invoiced >= test_from, "test")
        .when((invoiced >= validation_from) & (settled < test_from), "validation")
        .when((invoiced < validation_from) & (settled < validation_from), "train")
        .otherwise("held_back")
    )

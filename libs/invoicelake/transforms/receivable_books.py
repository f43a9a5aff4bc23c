"""Receivables in the books: as ledger entries, and the proof that none is lost, to the row and penny."""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import Column, DataFrame, Row, functions as F

from invoicelake.errors import JobError
from invoicelake.text.amounts import currency_exponent
from invoicelake.text.receivable import AMOUNT


def receivable_entries(receivables: DataFrame, currency: str) -> DataFrame:
    """The columns of silver.ledger_entry; one row per receivable, of kind `receivable`.

    The day is the invoice's, the time midnight; one piece at the whole amount.
    """
    return receivables.select(
        "source",
        F.concat_ws("/", F.col("invoice_date").cast("string"), "invoice_number", F.lit("1")).alias(
            "entry_id"
        ),
        F.col("invoice_date").alias("entry_date"),
        "line_number",
        "invoice_number",
        F.lit("receivable").alias("kind"),
        F.col("invoice_date").cast("timestamp").alias("booked_at"),
        _null("string").alias("stock_code"),
        _null("string").alias("description"),
        F.lit(1).cast("bigint").alias("quantity"),
        _amount(currency).cast("decimal(18,4)").alias("unit_price"),
        "amount_minor",
        "currency",
        "reporting_amount_minor",
        "reporting_currency",
        "rate_day",
        "customer_id",
        "country",
        "country_code",
        F.lit(False).alias("is_outlier"),
        _null("string").alias("outlier_reason"),
        _null("string").alias("duplicate_of"),
    )


def receivable_balance(
    delivered: DataFrame, accepted: DataFrame, rejected: DataFrame, currency: str
) -> DataFrame:
    """One row: `delivered, accepted, rejected, faulty` lines, and `delivered, accepted, rejected _amount`.

    Args:
        delivered: of bronze.receivable; its amounts are read anew, not by the code that cleans them.
        accepted: of silver.receivable.
        rejected: of silver.receivable_rejected; `superseded` lines are not faulty.
        currency: of the amounts.
    """
    said = F.when(F.col("amount").rlike(AMOUNT), F.regexp_replace("amount", ",", ""))
    came = delivered.agg(_rows().alias("delivered"), _total(said).alias("delivered_amount"))
    taken = accepted.agg(_rows().alias("accepted"), _total(_amount(currency)).alias("accepted_amount"))
    left = rejected.agg(
        _rows().alias("rejected"),
        F.count_if(F.col("reason") != "superseded").alias("faulty"),
        _total(F.col("amount")).alias("rejected_amount"),
    )
    return came.crossJoin(taken).crossJoin(left).select(*came.columns, *taken.columns, *left.columns)


def require_balance(balanced: DataFrame) -> Row:
    """See that no line and no penny was lost or doubled.

    Args:
        balanced: of `receivable_balance`.

    Returns:
        Its row.

    Raises:
        JobError: lines or amounts do not add up.
    """
    balance = balanced.first()
    assert balance is not None
    lines = balance["accepted"] + balance["rejected"]
    amount = balance["accepted_amount"] + balance["rejected_amount"]
    if (balance["delivered"], balance["delivered_amount"]) != (lines, amount):
        raise JobError(
            f"receivables do not add up: {balance['delivered']} lines of {balance['delivered_amount']} came, "
            f"{lines} of {amount} were accepted or rejected; run the job again, and report it if that does "
            "not help"
        )
    return balance


def _rows() -> Column:
    return F.count(F.lit(1))


def _total(amount: Column) -> Column:
    return F.coalesce(F.sum(amount.cast("decimal(24,4)")), F.lit(0)).cast("decimal(34,4)")


def _null(kind: str) -> Column:
    return F.lit(None).cast(kind)


def _amount(currency: str) -> Column:
    """`amount_minor` in units of the currency, exactly."""
    return F.col("amount_minor").cast("decimal(18,0)") * F.lit(
        Decimal(1).scaleb(-currency_exponent(currency))
    )

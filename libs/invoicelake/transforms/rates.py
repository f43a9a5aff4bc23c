"""Amounts in the reporting currency, at the exchange rate of their day."""

from __future__ import annotations

from babel.core import get_global
from pyspark.sql import Column, DataFrame, Window, functions as F

from invoicelake.text.amounts import currency_exponent

_RATE_UNITS = 10**8  # silver.exchange_rate keeps eight decimals


def daily_rates(quotes: DataFrame, max_age_days: int) -> DataFrame:
    """The columns of silver.exchange_rate; one row per currency and calendar day.

    A quote stands in for the days after it until the next one, for `max_age_days` at most; so do a
    currency's last ones. The euro has rate 1 on all days that any currency has a rate for.

    Args:
        quotes: `currency`, `quoted_on`, `per_euro`.
    """
    in_order = Window.partitionBy("currency").orderBy("quoted_on")
    last_day = F.least(
        F.date_add("quoted_on", max_age_days), F.date_sub(F.lead("quoted_on").over(in_order), 1)
    )
    spread = quotes.select("currency", "quoted_on", "per_euro", last_day.alias("last_day")).select(
        "currency",
        F.explode(F.sequence("quoted_on", "last_day")).alias("rate_day"),
        "per_euro",
        "quoted_on",
    )
    days = spread.select("rate_day").distinct()
    euro = days.select(
        F.lit("EUR").alias("currency"),
        "rate_day",
        F.lit(1).cast("decimal(18,8)").alias("per_euro"),
        F.col("rate_day").alias("quoted_on"),
    )
    return spread.where(F.col("currency") != "EUR").unionByName(euro)


def with_reporting_amount(
    frame: DataFrame,
    rates: DataFrame,
    reporting_currency: str,
    day_column: str,
    amount_column: str = "amount_minor",
) -> DataFrame:
    """Add what each amount is worth in the reporting currency.

    Rates are euro-based, so two other currencies are converted through the euro, in whole numbers and rounded
    once, half away from zero. Amounts in the reporting currency stay as they are and need no rate.

    Args:
        frame: has `currency` (ISO 4217), the day and the amount in minor units; all may be null.
        rates: silver.exchange_rate, or the days of it that are needed; small enough for every worker.

    Returns:
        `frame` and `reporting_amount_minor` (bigint; null: no amount, or no rate for the day),
        `reporting_currency`, and `rate_day` (the day of the older of the two quotes that were used; null: no
        rate, or none needed).
    """
    is_same = F.col("currency") == F.lit(reporting_currency)
    theirs, ours = F.col("rate.their_units"), F.col("rate.our_units")
    converted = _converted(F.col(amount_column), F.col("currency"), theirs, ours, reporting_currency)
    joined = frame.alias("amount").join(
        F.broadcast(_cross_rates(rates, reporting_currency)).alias("rate"),
        on=(F.col("amount.currency") == F.col("rate.rate_currency"))
        & (F.col(f"amount.{day_column}") == F.col("rate.of_day"))
        & ~is_same,
        how="left",
    )
    return joined.select(
        "amount.*",
        F.when(is_same, F.col(amount_column)).otherwise(converted).alias("reporting_amount_minor"),
        F.lit(reporting_currency).alias("reporting_currency"),
        F.when(F.col(amount_column).isNotNull(), F.col("rate.quoted_on")).alias("rate_day"),
    )


def _cross_rates(rates: DataFrame, reporting_currency: str) -> DataFrame:
    """One row per other currency and day: its rate and the reporting currency's, as whole numbers."""
    units = (F.col("per_euro") * _RATE_UNITS).cast("decimal(18,0)")
    named = rates.select(
        "currency", "rate_day", units.alias("units"), F.col("quoted_on").cast("date").alias("quoted_on")
    )
    reporting = named.where(F.col("currency") == F.lit(reporting_currency)).select(
        F.col("rate_day").alias("our_day"),
        F.col("units").alias("our_units"),
        F.col("quoted_on").alias("our_quoted_on"),
    )
    others = named.where(F.col("currency") != F.lit(reporting_currency))
    both = others.join(F.broadcast(reporting), on=F.col("rate_day") == F.col("our_day"), how="inner")
    return both.select(
        F.col("currency").alias("rate_currency"),
        F.col("rate_day").alias("of_day"),
        F.col("units").alias("their_units"),
        "our_units",
        # The euro is quoted on every day, so it says nothing about how old a rate is.
        F.least(
            F.when(F.col("currency") != "EUR", F.col("quoted_on")),
            F.when(F.lit(reporting_currency) != "EUR", F.col("our_quoted_on")),
        ).alias("quoted_on"),
    )


def _converted(amount: Column, currency: Column, theirs: Column, ours: Column, reporting: str) -> Column:
    """`amount / theirs * ours` between currencies of different minor units, rounded half away from zero."""
    whole = F.abs(amount).cast("decimal(20,0)")
    shift = 10 ** currency_exponent(reporting)
    numerator = (whole * ours * F.lit(2 * shift)).cast("decimal(38,0)")
    denominator = (theirs * _scale(currency)).cast("decimal(24,0)")
    rounded = F.call_function("div", (numerator + denominator).cast("decimal(38,0)"), denominator * 2)
    return F.when(amount < 0, -rounded).otherwise(rounded)


def _scale(currency: Column) -> Column:
    """Minor units of one unit of the currency: 100 for EUR, 1 for JPY, 1000 for KWD."""
    unusual = [code for code in sorted(get_global("currency_fractions")) if code != "DEFAULT"]
    scales = {code: 10 ** currency_exponent(code) for code in unusual}
    pairs = [F.lit(each) for code, scale in scales.items() if scale != 100 for each in (code, scale)]
    return F.coalesce(F.create_map(*pairs)[currency], F.lit(100))

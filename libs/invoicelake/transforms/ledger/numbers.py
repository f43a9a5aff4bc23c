"""Quantities, prices and times of a ledger, from the text that they came as."""

from __future__ import annotations

from pyspark.sql import Column, functions as F

from invoicelake.text.amounts import currency_exponent

QUANTITY_LIMIT = 10**9
AMOUNT_LIMIT = 10**13
# What decimal(18,4) holds exactly; no letters, no thousands marks, no exponent, which all would be guesses.
_READABLE = r"^[+-]?[0-9]{1,14}([.][0-9]{1,4}0{0,8})?$"
_NUMBER = r"^[+-]?[0-9]+([.][0-9]+)?$"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$"


def read_number(text: Column) -> Column:
    """A number as decimal(18,4); null where none is given, it is no plain number, or it would lose digits."""
    trimmed = F.trim(text)
    return F.when(trimmed.rlike(_READABLE), trimmed.cast("decimal(18,4)"))


def is_number(text: Column) -> Column:
    """Whether a text is a plain number, be it one that `read_number` cannot hold."""
    return F.trim(text).rlike(_NUMBER)


def read_time(text: Column) -> Column:
    """A date, with a time or without, as timestamp in UTC; null where there is none or no such day exists."""
    trimmed = F.trim(text)
    # A cast alone would take '10:30' for today and '2010' for the first of January.
    return F.when(trimmed.rlike(_TIME), trimmed.cast("timestamp"))


def delivered_amount(quantity: Column, unit_price: Column) -> Column:
    """Quantity times price of a line as delivered, as decimal(24,4); null where either is no number.

    What a repair changes is not in it: a sum of it over lines is what the delivered files add up to. Digits
    beyond the fourth decimal, for which a line is rejected, are rounded.
    """
    read = [F.when(is_number(text), F.trim(text).cast("decimal(18,4)")) for text in (quantity, unit_price)]
    return (read[0] * read[1]).cast("decimal(24,4)")


def amount_minor(quantity: Column, unit_price: Column, currency: str) -> Column:
    """Quantity (whole) times price in minor units of the currency, rounded half away from zero."""
    exact = quantity.cast("decimal(10,0)") * unit_price.cast("decimal(18,4)")
    # Spark rounds decimals HALF_UP, which for Java means away from zero on both sides of it.
    return F.round(exact * F.lit(10 ** currency_exponent(currency)).cast("decimal(5,0)"), 0).cast("bigint")

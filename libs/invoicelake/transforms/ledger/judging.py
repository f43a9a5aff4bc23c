"""Marks on ledger entries: far outside of what is usual, at no usual price, of the wrong sign, repeated."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window, functions as F

from invoicelake import config
from invoicelake.transforms.ledger.kinds import is_cancelling, is_product
from invoicelake.transforms.outliers import is_outlier, robust_z


def outlier_reason(settings: config.Cleaning) -> Column:
    """Why an entry is marked, with how far it is out; null: nothing about it is unusual.

    Needs the columns of `with_goods`. Products with fewer sales than `cleaning.min_profile_lines` are not
    judged, nor what has no price.
    """
    found = F.concat_ws("; ", _price_reason(settings), _quantity_reason(settings), _sign_reason())
    return F.when(found != "", found)


def _is_judged(settings: config.Cleaning) -> Column:
    has_money = (F.col("unit_price") > 0) & (F.col("quantity") != 0)
    return has_money & (F.col("profile.sales") >= settings.min_profile_lines)


def _spread(of: str) -> dict[str, Column]:
    names = ("median", "mad", "first_quartile", "third_quartile")
    return {name: F.col(f"profile.log_{of}_{name}") for name in names}


def _price_reason(settings: config.Cleaning) -> Column:
    """A price at which the product is not usually sold: far off, or only off."""
    price = F.col("unit_price")
    log_price = F.log(price.cast("double"))
    spread = _spread("price")
    is_off = ~F.array_contains("profile.price_levels", price)
    is_far = is_outlier(log_price, spread, settings.outlier_z, settings.outlier_reach) & _is_times(
        log_price, spread["median"], settings.price_factor
    )
    levels = F.concat_ws(", ", F.transform("profile.price_levels", lambda each: _short(each)))
    said = F.concat(F.lit("price "), _short(price), F.lit(", usually "))
    off = F.concat(F.lit("price_off_levels: "), said, levels)
    far = F.concat(F.lit("price_far: "), said, _usual(spread["median"]), _z(log_price, spread))
    is_judged = _is_judged(settings)
    # Where a product has no usual prices, far ones still are far.
    return F.when(is_judged & is_far & F.coalesce(is_off, F.lit(True)), far).when(is_judged & is_off, off)


def _quantity_reason(settings: config.Cleaning) -> Column:
    quantity = F.abs("quantity")
    log_quantity = F.log(quantity.cast("double"))
    spread = _spread("quantity")
    is_far = is_outlier(log_quantity, spread, settings.outlier_z, settings.outlier_reach) & _is_times(
        log_quantity, spread["median"], settings.quantity_factor
    )
    said = F.concat(
        F.lit("quantity_far: quantity "), _short(quantity), F.lit(", usually "), _usual(spread["median"])
    )
    return F.when(_is_judged(settings) & is_far, F.concat(said, _z(log_quantity, spread)))


def _sign_reason() -> Column:
    """A credit note that takes more, or an invoice that gives money back; both are kept as they came."""
    invoice, quantity = F.col("invoice_number"), F.col("quantity")
    is_other = is_product(F.col("stock_code")) & (F.col("unit_price") != 0)
    positive = F.when(is_cancelling(invoice) & (quantity > 0), "sign: credit note with a positive quantity")
    negative = F.when(
        ~is_cancelling(invoice) & (quantity < 0) & is_other, "sign: negative quantity on no credit note"
    )
    price = F.when(
        (F.col("unit_price") < 0) & is_product(F.col("stock_code")), "sign: negative price of goods"
    )
    return F.coalesce(positive, negative, price)


def _is_times(log_value: Column, log_median: Column, factor: float) -> Column:
    """Whether a value is at least `factor` times the median, or the median that many times the value."""
    return F.abs(log_value - log_median) >= F.log(F.lit(factor))


def _z(value: Column, spread: dict[str, Column]) -> Column:
    z = robust_z(value, spread["median"], spread["mad"])
    told = F.concat(F.lit(", robust z of the logarithm "), F.format_number(z, 1))
    return F.coalesce(told, F.lit(", beyond the fences"))


def _usual(log_median: Column) -> Column:
    return F.format_number(F.exp(log_median), 2)


def _short(number: Column) -> Column:
    """A decimal without zeros at its end, but with cents: 2.5500 -> 2.55."""
    return F.regexp_replace(number.cast("string"), r"(\.\d\d)0+$|\.0+$", "$1")


def with_duplicate_mark(lines: DataFrame) -> DataFrame:
    """Add `duplicate_of`: the entry that a line repeats, the first of those alike on its invoice; null: none.

    Alike are lines of one invoice and day with the same stock code, quantity and price after repair. Lines
    equal in every column are thus found, and those that differ in spelling, minute or customer. Services are
    told apart by their description too: two fees of one amount may be two fees.
    """
    said = F.when(~F.coalesce(is_product(F.col("stock_code")), F.lit(False)), F.upper("description"))
    alike = [
        F.coalesce(F.col("stock_code"), F.lit("")),
        F.coalesce(said, F.lit("")),
        F.col("quantity"),
        F.col("unit_price"),
        # What is no entry repeats none and is repeated by none.
        F.col("reason").isNull(),
    ]
    first = (
        Window.partitionBy("source", "delivery_day", "invoice_number", *alike)
        .orderBy("line_number")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    original = F.first("entry_id").over(first)
    is_repeat = F.col("reason").isNull() & (original != F.col("entry_id"))
    return lines.withColumn("duplicate_of", F.when(is_repeat, original))

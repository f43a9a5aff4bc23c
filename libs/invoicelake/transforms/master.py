"""Master data as received to suppliers, customers, products and countries in one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
from pyspark.sql import Column, DataFrame, Window, functions as F, types as T
from pyspark.sql.pandas.functions import pandas_udf

from invoicelake.text.countries import country_code, currency_of

KEYS: Mapping[str, str] = {
    "country": "country_code",
    "supplier": "supplier_id",
    "customer": "customer_id",
    "product": "stock_code",
}
_NAMES = {"country": "name", "supplier": "name", "customer": "name", "product": "description"}
_OURS = ("source", "row_id", "updated_at", "damaged", "received_at")


def country_codes(names: Column | str) -> Column:
    """`country_code` of each name."""
    return _mapped(country_code, names)


def currency_codes(names: Column | str) -> Column:
    """`currency_of` of each name."""
    return _mapped(currency_of, names)


def _mapped(function: Callable[[str | None], str | None], texts: Column | str) -> Column:
    def map_all(batch: pd.Series) -> pd.Series:
        return batch.map(function)

    applied: Column = pandas_udf(map_all, T.StringType())(texts)  # type: ignore[call-overload]
    return applied


def judged(rows: DataFrame, table: str) -> DataFrame:
    """Add `key`, `reason` and `detail` to the rows of a bronze table; both are null where a row can be used.

    Of several rows with one key the newest counts, then the one with the lowest row_id; another one is an
    `exact_duplicate` where it says the same, else an `older_duplicate`.
    """
    columns = [name for name in rows.columns if name not in _OURS]
    keyed = rows.select("*", _key(table).alias("key"))
    faulty = keyed.select("*", _fault(table, columns).alias("fault"))
    content = F.to_json(F.struct(*columns))
    is_usable = F.col("fault").isNull()
    same_key = Window.partitionBy("source", "key", is_usable).orderBy(
        F.col("updated_at").desc_nulls_last(), "row_id"
    )
    placed = faulty.select(
        "*", F.row_number().over(same_key).alias("place"), F.first(content).over(same_key).alias("winner")
    )
    repeats = F.when(content == F.col("winner"), "exact_duplicate").otherwise("older_duplicate")
    reason = F.coalesce("fault", F.when(F.col("place") > 1, repeats))
    details = F.when(reason == "damaged_line", F.col("damaged")).otherwise(
        F.coalesce(_said(table), F.lit(""))
    )
    return placed.select(
        *rows.columns, "key", reason.alias("reason"), F.when(reason.isNotNull(), details).alias("detail")
    )


def rejected_rows(judged_rows: DataFrame) -> DataFrame:
    """The columns of a table of rejected rows."""
    columns = [name for name in judged_rows.columns if name not in ("key", "reason", "detail", "received_at")]
    return judged_rows.where(F.col("reason").isNotNull()).select(
        "source",
        "row_id",
        "reason",
        "detail",
        F.to_json(F.struct(*columns)).alias("content"),
    )


def conformed(judged_rows: DataFrame, table: str) -> DataFrame:
    """The columns of the silver table; one row per source and key."""
    return judged_rows.where(F.col("reason").isNull()).select(
        "source", F.col("key").alias(KEYS[table]), *_columns(table), "updated_at"
    )


def product_descriptions(products: DataFrame, entries: DataFrame) -> DataFrame:
    """The columns of silver.product_description; one row per stock code of products or of sales.

    Args:
        products: silver.product of one source.
        entries: silver.ledger_entry.
    """
    sold = entries.where(F.col("kind").isin("sale", "cancellation"))
    said = sold.where(F.length(F.trim("description")) > 0).select(
        "stock_code", _tidy("description").alias("description"), _bare("description").alias("bare")
    )
    counted = said.groupBy("stock_code", "bare").agg(
        F.count(F.lit(1)).alias("entries"), F.min("description").alias("description")
    )
    by_code = (
        counted.where(F.col("stock_code").isNotNull())
        .groupBy("stock_code")
        .agg(F.array_sort(F.collect_list(F.struct(-F.col("entries"), "description", "bare"))).alias("found"))
    )
    master = products.select("stock_code", F.col("description").alias("told"))
    both = master.join(by_code, on="stock_code", how="full").select(
        "stock_code", "told", F.col("found")[0]["description"].alias("most"), "found"
    )
    decided = both.select("*", F.coalesce("told", "most").alias("description"))
    others = F.filter("found", lambda each: each["bare"] != _bare("description"))
    names = F.coalesce(F.array_sort(F.transform(others, lambda each: each["description"])), F.array())
    return decided.select(
        "stock_code",
        "description",
        F.when(F.col("told").isNotNull(), "master").otherwise("ledger").alias("decided_by"),
        F.col("most").alias("ledger_description"),
        (F.size(names) > 0).alias("is_disputed"),
        names.cast("array<string>").alias("others"),
    )


def _key(table: str) -> Column:
    if table == "country":
        return F.coalesce(country_codes("country_code"), country_codes("name"))
    tidy = _tidy(KEYS[table])
    return F.upper(tidy) if table == "product" else tidy


def _fault(table: str, columns: list[str]) -> Column:
    """Why a row cannot be used, whatever the others say; null: it can."""
    given_key = _tidy(KEYS[table]).isNull() if table != "country" else F.lit(False)
    unreadable = F.concat_ws("", *columns).contains("\ufffd")
    fault = (
        F.when(F.col("damaged").isNotNull(), "damaged_line")
        .when(unreadable, "invalid_utf8")
        .when(given_key, "no_key")
        .when(F.col("key").isNull(), "unknown_country")
        .when(_tidy(_NAMES[table]).isNull(), "no_name")
    )
    if table == "product":
        is_impossible = F.col("unit_price").isNotNull() & ~F.coalesce(_price() >= 0, F.lit(False))
        return fault.when(is_impossible, "impossible_price")
    return fault


def _said(table: str) -> Column:
    shown = [KEYS[table], _NAMES[table], *(["unit_price"] if table == "product" else [])]
    return F.to_json(F.struct(*shown))


def _price() -> Column:
    return F.col("unit_price").cast("decimal(18,4)")


def _tidy(name: str) -> Column:
    """Without spaces around and with single ones within; null where nothing is left."""
    return F.nullif(F.trim(F.regexp_replace(name, r"[\s\u00a0]+", " ")), F.lit(""))


def _bare(name: str) -> Column:
    """Letters and digits alone, in upper case."""
    return F.upper(F.regexp_replace(name, r"[^\p{L}\p{N}]", ""))


def _number(name: str) -> Column:
    return F.nullif(_bare(name), F.lit("")).alias(name)


def _columns(table: str) -> list[Column]:
    """The silver columns between the key and `updated_at`."""
    country = [_tidy("country").alias("country"), country_codes("country").alias("country_code")]
    currency = currency_codes("currency").alias("currency")
    name, address = _tidy("name").alias("name"), _tidy("address").alias("address")
    if table == "supplier":
        return [name, address, *country, currency, _number("tax_number"), _number("iban")]
    if table == "customer":
        return [name, address, *country]
    if table == "country":
        return [name, _tidy("region").alias("region"), currency]
    description, group = _tidy("description").alias("description"), _tidy("product_group")
    return [description, group.alias("product_group"), _price().alias("unit_price"), currency]

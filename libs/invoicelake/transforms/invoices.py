"""Extracted fields and line items to invoices with typed columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake import config
from invoicelake.table_spec import TableSpec
from invoicelake.text.amounts import currency_code, currency_exponent, minor_units
from invoicelake.text.dates import day_comes_first, parse_date
from invoicelake.text.percentages import share_of
from invoicelake.text.quantities import quantity_of
from invoicelake.transforms.arrow import Row, map_rows

_CODE = re.compile(r"[A-Z]{3}")
_DATES = ("date", "order_date", "due_date")
# Of the country that writes the month first.
_MONTH_FIRST = "USD"


def published_invoices(
    documents: DataFrame, fields: DataFrame, checks: DataFrame, settings: config.Publish, spec: TableSpec
) -> DataFrame:
    """The columns of gold.invoice; one row per document that fields were extracted from.

    Args:
        documents: silver.document.
        fields: gold.invoice_field.
        checks: gold.invoice_check.
        settings: currency and order of day and month where the document does not tell.
        spec: of gold.invoice.
    """
    by_document = with_values(
        fields,
        F.min("score").alias("lowest_score"),
        F.max(F.struct("model_version", "model_name")).alias("model"),
        F.expr("int(count_if(NOT is_accepted))").alias("fields_to_review"),
        # Not all fields need be there, but where none is there is nothing to accept.
        F.expr("coalesce(bool_and(is_accepted) FILTER (WHERE value IS NOT NULL), false)").alias(
            "is_believed"
        ),
    )
    failing = (
        checks.where("outcome = 'failed'").select("document_id").distinct().withColumn("fails", F.lit(True))
    )
    named = by_document.join(documents.select("document_id", "source", "name"), on="document_id", how="inner")
    flat = named.join(failing, on="document_id", how="left").select(
        *("document_id", "source", "name", "values", "lowest_score", "model.*", "fields_to_review"),
        F.expr("is_believed AND fails IS NULL").alias("is_accepted"),
    )

    def typed(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            yield {**row, **typed_values(dict(row["values"]), settings)}

    columns = [name for name in spec.column_names if name != "published_at"]
    return map_rows(flat, typed, spec.ddl_of(*columns))


def published_line_items(items: DataFrame, invoices: DataFrame, spec: TableSpec) -> DataFrame:
    """The columns of gold.invoice_line_item; one row per item that the invoice's model version read.

    Args:
        items: silver.extracted_line_item.
        invoices: gold.invoice.
        spec: of gold.invoice_line_item.
    """
    read_by = ["document_id", "model_name", "model_version"]
    known = items.join(invoices.select(*read_by, "source", "name", "currency"), on=read_by, how="inner")

    def typed(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            exponent = currency_exponent(row["currency"])
            yield {
                **row,
                "quantity": quantity_of(row["quantity"] or ""),
                "quantity_text": row["quantity"],
                "unit_price_minor": minor_units(row["unit_price"] or "", exponent),
                "unit_price_text": row["unit_price"],
                "amount_minor": minor_units(row["amount"] or "", exponent),
                "amount_text": row["amount"],
            }

    columns = [name for name in spec.column_names if name != "published_at"]
    return map_rows(known, typed, spec.ddl_of(*columns))


def with_values(fields: DataFrame, *others: Column) -> DataFrame:
    """`document_id`, `values`, a map of field to value as printed, and the others; one row per document."""
    entries = F.array_sort(F.collect_list(F.struct("field", "value")))
    return fields.groupBy("document_id").agg(F.map_from_entries(entries).alias("values"), *others)


def typed_values(values: Mapping[str, str | None], settings: config.Publish) -> dict[str, object]:
    """Values as dates, amounts and numbers, the date and the total with the text that they were read from."""
    printed = printed_currency(values)
    currency = printed if printed and _CODE.fullmatch(printed) else settings.currency
    exponent = currency_exponent(currency)

    def amount(name: str) -> int | None:
        return minor_units(values.get(name) or "", exponent)

    days = days_of(values, settings)
    as_printed = ("company", "address", "invoice_number", "tax_number", "iban")
    return {
        **{name: values.get(name) for name in as_printed},
        "invoice_date": days["date"],
        "date_text": values.get("date"),
        "total_minor": amount("total"),
        "total_text": values.get("total"),
        "currency": currency,
        "order_date": days["order_date"],
        "due_date": days["due_date"],
        "net_minor": amount("net"),
        "tax_minor": amount("tax"),
        "tax_rate": share_of(values.get("tax_rate") or ""),
    }


def days_of(values: Mapping[str, str | None], settings: config.Publish) -> dict[str, date | None]:
    """The dates of a document as days, all in the same order of day and month.

    The order is that of a date which has no other reading; without one the month comes first where amounts
    are in US dollars, and else as the settings say.
    """
    texts = {name: values.get(name) or "" for name in _DATES}
    usual = settings.day_first and printed_currency(values) != _MONTH_FIRST
    day_first = day_comes_first(texts.values(), usual)
    return {name: parse_date(text, day_first) for name, text in texts.items()}


def printed_currency(values: Mapping[str, str | None]) -> str | None:
    """The currency that the document names, as ISO 4217 code where the name is known."""
    named = values.get("currency")
    return (currency_code(named) or named if named else None) or currency_code(values.get("total") or "")

"""The checks that need no model, on the values that were read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from pyspark.sql import DataFrame, Window, functions as F

from invoicelake import config
from invoicelake.text.amounts import currency_exponent, minor_units
from invoicelake.text.percentages import share_of
from invoicelake.text.quantities import quantity_of
from invoicelake.transforms.arrow import Row, map_rows
from invoicelake.transforms.invoices import days_of, printed_currency, typed_values, with_values
from invoicelake.trust.duplicates import invoice_key
from invoicelake.trust.invoice_checks import InvoiceValues, ItemValues, findings

_KEYED = (
    "document_id string, source string, name string, values map<string, string>, "
    "line_items array<struct<quantity: string, unit_price: string, amount: string>>, invoice_key string, "
    "total_minor bigint, currency string"
)
_CHECKED = (
    "document_id string, source string, name string, total_minor bigint, currency string, "
    "findings array<struct<check_name: string, outcome: string, reason: string>>"
)
_COUNTRY_LETTERS = 2


def checked_invoices(
    documents: DataFrame,
    extractions: DataFrame,
    line_items: DataFrame,
    publish: config.Publish,
    settings: config.InvoiceChecks,
) -> DataFrame:
    """Each invoice with what its checks found: the columns of `_CHECKED`; one row per document.

    Of documents that are the same invoice the first by name is the invoice, the others have been seen before.

    Args:
        documents: silver.document.
        extractions: from `with_corrected_values`, of these documents.
        line_items: silver.extracted_line_item, of the model version that read these documents.
        publish: currency and order of day and month where the document does not tell.
        settings: what the checks allow.
    """
    named = documents.select("document_id", "source", "name")
    in_order = F.array_sort(F.collect_list(F.struct("item_number", "quantity", "unit_price", "amount")))
    items = line_items.groupBy("document_id").agg(in_order.alias("line_items"))
    values = (
        with_values(extractions)
        .join(named, on="document_id", how="inner")
        .join(items, on="document_id", how="left")
    )

    def keyed(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            read = dict(row["values"])
            typed = typed_values(read, publish)
            yield {**row, "invoice_key": _key(read, typed), **typed}

    # Documents without a key stand alone: together they could be most of the lake, sorted by one task.
    alike = F.coalesce("invoice_key", "document_id")
    arrivals = Window.partitionBy("source", alike).orderBy("name", "document_id")
    is_later = F.when(F.col("invoice_key").isNotNull(), F.row_number().over(arrivals) > 1)
    marked = map_rows(values, keyed, _KEYED).withColumn("seen_before", is_later)

    def checked(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            items = row["line_items"]
            invoice = invoice_values(dict(row["values"]), row["seen_before"], publish, items)
            found = [
                {"check_name": each.check, "outcome": str(each.outcome), "reason": each.reason}
                for each in findings(invoice, settings)
            ]
            yield {**row, "findings": found}

    return map_rows(marked, checked, _CHECKED)


def check_rows(checked: DataFrame) -> DataFrame:
    """The columns of gold.invoice_check."""
    return checked.select("document_id", "source", F.inline("findings"))


def invoice_values(
    values: Mapping[str, str | None],
    seen_before: bool | None,
    publish: config.Publish,
    line_items: Sequence[Mapping[str, str | None]] | None = None,
) -> InvoiceValues:
    """What printed values mean.

    Args:
        values: by name of their field, None: it was looked for and not found; those of no known field are
            left out. So a document where no rounding was found has none, and of one of which rounding is not
            a field it is not known.
        seen_before: whether an earlier document is the same invoice.
        publish: currency and order of day and month where the document does not tell.
        line_items: quantity, unit price and amount of each, as printed; None or empty: none was read.
    """
    currency = printed_currency(values)
    exponent = currency_exponent(currency or publish.currency)

    def amount(name: str) -> int | None:
        return minor_units(values.get(name) or "", exponent)

    days = days_of(values, publish)
    has_no_rounding = "rounding" in values and values["rounding"] is None
    return InvoiceValues(
        net_minor=amount("net"),
        tax_minor=amount("tax"),
        rounding_minor=0 if has_no_rounding else amount("rounding"),
        total_minor=amount("total"),
        currency=currency,
        invoice_date=days["date"],
        order_date=days["order_date"],
        due_date=days["due_date"],
        tax_number=values.get("tax_number"),
        iban=values.get("iban"),
        line_items=[_item(item, exponent) for item in line_items] if line_items else None,
        # A rate is a field of documents that have one, so all of net and tax belong to it.
        tax_rate=share_of(values.get("tax_rate") or ""),
        country=(values.get("iban") or "")[:_COUNTRY_LETTERS] or None,
        seen_before=seen_before,
    )


def _item(item: Mapping[str, str | None], exponent: int) -> ItemValues:
    return ItemValues(
        quantity=quantity_of(item["quantity"] or ""),
        unit_price_minor=minor_units(item["unit_price"] or "", exponent),
        amount_minor=minor_units(item["amount"] or "", exponent),
    )


def _key(values: Mapping[str, str | None], typed: Mapping[str, object]) -> str | None:
    day, total = typed["invoice_date"], typed["total_minor"]
    return invoice_key(
        values.get("tax_number") or values.get("company"),
        values.get("invoice_number"),
        day if isinstance(day, date) else None,
        total if isinstance(total, int) else None,
        str(typed["currency"]),
    )

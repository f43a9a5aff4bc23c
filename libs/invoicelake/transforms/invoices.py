"""Extracted fields to invoices with typed columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.table_spec import TableSpec
from invoicelake.text.amounts import currency_code, currency_exponent, minor_units
from invoicelake.text.dates import parse_date
from invoicelake.transforms.arrow import Row, map_rows


def published_invoices(
    documents: DataFrame, extractions: DataFrame, settings: config.Publish, spec: TableSpec
) -> DataFrame:
    """The columns of gold.invoice; one row per document that fields were extracted from.

    Args:
        documents: silver.document.
        extractions: silver.extraction.
        settings: currency and order of day and month where the document does not tell.
        spec: of gold.invoice.
    """
    by_document = extractions.groupBy("document_id").agg(
        F.map_from_entries(F.array_sort(F.collect_list(F.struct("field", "value")))).alias("values"),
        F.min("score").alias("lowest_score"),
        F.max(F.struct("model_version", "model_name")).alias("model"),
    )
    named = by_document.join(documents.select("document_id", "source", "name"), on="document_id", how="inner")
    flat = named.select("document_id", "source", "name", "values", "lowest_score", "model.*")

    def typed(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            yield {**row, **_typed(dict(row["values"]), settings)}

    columns = [name for name in spec.column_names if name != "published_at"]
    return map_rows(flat, typed, spec.ddl_of(*columns))


def _typed(values: Mapping[str, str | None], settings: config.Publish) -> Row:
    total, date = values.get("total"), values.get("date")
    currency = values.get("currency") or currency_code(total or "") or settings.currency
    return {
        "company": values.get("company"),
        "address": values.get("address"),
        "invoice_date": parse_date(date, settings.day_first) if date else None,
        "date_text": date,
        "total_minor": minor_units(total, currency_exponent(currency)) if total else None,
        "total_text": total,
        "currency": currency,
    }

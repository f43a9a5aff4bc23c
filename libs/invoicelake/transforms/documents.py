"""Documents as received to documents as text lines, labels and line items."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.pages.scan import scan_size
from invoicelake.sources.catalogue import SOURCES
from invoicelake.sources.received import rejections
from invoicelake.text.amounts import currency_exponent, minor_units
from invoicelake.text.document import Document, DocumentRejected
from invoicelake.transforms.arrow import Row, map_rows

_LINES = "array<struct<text: string, page: int, x0: double, y0: double, x1: double, y1: double>>"
_ITEMS = (
    "array<struct<description: string, quantity: string, unit_price: string, amount: string, "
    "part_lines: array<struct<part: string, line_numbers: array<int>>>, "
    "amount_minor: bigint, currency: string>>"
)
_PARSED = (
    "document_id string, source string, name string, source_uri string, content binary, "
    f"lines {_LINES}, page_width double, page_height double, labels map<string, string>, "
    "label_lines map<string, array<int>>, "
    f"line_items {_ITEMS}, reason string, detail string"
)


def parse_documents(documents: DataFrame, max_lines: int, currency: str) -> DataFrame:
    """Read each received document; one that cannot be read has `reason` and `detail`, and its content.

    Args:
        documents: in the columns of bronze.document.
        max_lines: a document with more text lines is rejected.
        currency: of line items where the labels name none.

    Returns:
        One row per document: `lines`, `page_width`, `page_height`, `labels`, `label_lines`, `line_items`;
        these are null and `content` is not where the document is rejected.
    """

    def parse_all(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            known = {name: row[name] for name in ("document_id", "source", "name", "source_uri")}
            try:
                yield {**known, **_parsed(row, max_lines, currency)}
            except DocumentRejected as rejected:
                yield known | {
                    "content": row["content"],
                    "reason": rejected.reason,
                    "detail": rejected.detail,
                }

    return map_rows(documents, parse_all, _PARSED)


def _parsed(row: Row, max_lines: int, default_currency: str) -> Row:
    source: config.InputFormat = row["source"]
    document = _on_scan(SOURCES[source].parse(row["content"], row["annotation"]), row)
    if len(document.lines) > max_lines:
        found = f"{len(document.lines)} text lines, at most {max_lines} are taken; set input.max_lines"
        raise DocumentRejected("too_many_lines", found)
    if not any(line.text for line in document.lines):
        raise DocumentRejected("no_text", f"all {len(document.lines)} text lines are empty")
    currency = document.labels.get("currency", default_currency)
    exponent = currency_exponent(currency)
    return {
        "lines": [line._asdict() for line in document.lines],
        "page_width": document.page_width,
        "page_height": document.page_height,
        "labels": list(document.labels.items()),
        "label_lines": [(field, list(numbers)) for field, numbers in document.label_lines.items()],
        "line_items": [
            asdict(item)
            | {
                "part_lines": [
                    {"part": part, "line_numbers": list(numbers)} for part, numbers in item.part_lines.items()
                ],
                "amount_minor": minor_units(item.amount, exponent) if item.amount else None,
                "currency": currency,
            }
            for item in document.line_items
        ],
    }


def _on_scan(document: Document, row: Row) -> Document:
    """The document with the size of its scan, where one is known: the one said, else the image's own."""
    if row["image"] is None:
        return document
    width, height = scan_size(row["image"])
    return replace(
        document,
        page_width=float(row["scan_width"] or width),
        page_height=float(row["scan_height"] or height),
    )


def accepted_documents(parsed: DataFrame) -> DataFrame:
    """The columns of silver.document; one row per document that could be read."""
    supplier = F.upper(F.regexp_replace(F.col("labels")["company"], r"[^\p{L}\p{N}]", ""))
    return parsed.where(F.col("reason").isNull()).select(
        "document_id",
        "source",
        "name",
        "lines",
        "page_width",
        "page_height",
        F.when(F.length(supplier) > 0, supplier).alias("supplier"),
    )


def document_labels(parsed: DataFrame) -> DataFrame:
    """The columns of silver.label; one row per document and labelled field."""
    labelled = parsed.where(F.col("reason").isNull()).select(
        "document_id", "label_lines", F.explode("labels").alias("field", "value")
    )
    places = F.element_at("label_lines", F.col("field")).alias("line_numbers")
    return labelled.select("document_id", "field", "value", places)


def document_line_items(parsed: DataFrame) -> DataFrame:
    """The columns of silver.line_item; one row per document and line item."""
    items = parsed.where(F.col("reason").isNull()).select(
        "document_id", F.posexplode("line_items").alias("position", "item")
    )
    return items.select("document_id", (F.col("position") + 1).alias("item_number"), "item.*")


def rejected_documents(parsed: DataFrame) -> DataFrame:
    """The columns of silver.document_rejected; one row per document that could not be read."""
    return rejections(parsed.where(F.col("reason").isNotNull()))

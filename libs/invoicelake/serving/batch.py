"""The extractor applied to a table of documents, in Spark's Python workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from pyspark.sql import DataFrame, functions as F

from invoicelake.models.bundle import Extractor, Reading, load_bundle
from invoicelake.models.decoding import Prediction
from invoicelake.serving.shipped import opened, shipped
from invoicelake.text.document import Line
from invoicelake.transforms.arrow import Row, map_rows

_PLACED = "value: string, score: double, line_numbers: array<int>"
_READ = (
    "document_id string, model_name string, model_version int, "
    f"fields array<struct<field: string, {_PLACED}, alternatives: array<struct<{_PLACED}>>>>, "
    "items array<struct<description: string, quantity: string, unit_price: string, amount: string, "
    "score: double, line_numbers: array<int>>>"
)
_DOCUMENTS_AT_A_TIME = 64


def read_documents(
    documents: DataFrame, bundle: str | Path, model_name: str, model_version: int, partitions: int
) -> DataFrame:
    """Read the fields and line items of each document; one row per document.

    Args:
        documents: `document_id` and `lines`, as in silver.document.
        bundle: folder of the extractor, on this machine; its files travel to the workers.
        model_name: written into each row.
        model_version: written into each row.
        partitions: workers at once; each pays for a start of TensorFlow, so few and large ones.

    Returns:
        `fields`, one for each of the extractor's, `value` null and `score` 0 where nothing was found, and
        `items` in reading order.
    """
    files = shipped(documents.sparkSession, bundle)
    written_by = {"model_name": model_name, "model_version": model_version}

    def read_all(rows: Iterator[Row]) -> Iterable[Row]:
        while some := list(islice(rows, _DOCUMENTS_AT_A_TIME)):
            extractor = opened(files.value, load_bundle)
            readings = extractor.read([[Line(**line) for line in document["lines"]] for document in some])
            for document, reading in zip(some, readings, strict=True):
                yield {
                    "document_id": document["document_id"],
                    "fields": _fields(extractor, reading),
                    "items": [asdict(item) for item in reading.items],
                    **written_by,
                }

    # In a stable order, for which documents share a batch can move the last digit of a score.
    spread = documents.select("document_id", "lines").repartition(partitions, "document_id")
    ordered = spread.sortWithinPartitions("document_id")
    return map_rows(ordered, read_all, _READ)


def extract(
    documents: DataFrame, bundle: str | Path, model_name: str, model_version: int, partitions: int
) -> DataFrame:
    """Read the fields of each document: the arguments of `read_documents`, the rows of `extractions_of`."""
    return extractions_of(read_documents(documents, bundle, model_name, model_version, partitions))


def extractions_of(read: DataFrame) -> DataFrame:
    """One row per document and field: silver.extraction, and `alternatives`; `read` from `read_documents`."""
    return read.select("document_id", F.inline("fields"), "model_name", "model_version")


def items_of(read: DataFrame) -> DataFrame:
    """The columns of silver.extracted_line_item; `read` from `read_documents`."""
    items = read.select(
        "document_id", "model_name", "model_version", F.posexplode("items").alias("n", "item")
    )
    number = (F.col("n") + 1).alias("item_number")
    return items.select("document_id", number, "item.*", "model_name", "model_version")


def alternatives_of(extractions: DataFrame) -> DataFrame:
    """The columns of silver.extraction_alternative; `extractions` from `extractions_of`."""
    return extractions.select(
        "document_id",
        "field",
        "model_name",
        "model_version",
        F.posexplode("alternatives").alias("place", "other"),
    ).select(
        *(
            "document_id",
            "field",
            (F.col("place") + 1).alias("rank"),
            "other.*",
            "model_name",
            "model_version",
        )
    )


def unread(
    documents: DataFrame, extractions: DataFrame | None, model_name: str, model_version: int
) -> DataFrame:
    """The documents that this model version has not read yet; `extractions` is None where none has."""
    if extractions is None:
        return documents
    of_model = extractions.where(
        (F.col("model_name") == model_name) & (F.col("model_version") == model_version)
    )
    return documents.join(of_model.select("document_id"), on="document_id", how="left_anti")


def _fields(extractor: Extractor, reading: Reading) -> list[Row]:
    by_field = {each.field: each for each in reading.fields}
    return [_row(field.name, by_field.get(field.name)) for field in extractor.fields]


def _row(name: str, found: Prediction | None) -> Row:
    if found is None:
        return {"field": name, "value": None, "score": 0.0, "line_numbers": [], "alternatives": []}
    return {"field": name, **asdict(found)}

"""The extractor applied to a table of documents, in Spark's Python workers."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from pyspark.sql import DataFrame, functions as F

from invoicelake.models.bundle import Extractor, load_bundle
from invoicelake.text.document import Line
from invoicelake.transforms.arrow import Row, map_rows

EXTRACTED = (
    "document_id string, field string, value string, score double, line_numbers array<int>, "
    "model_name string, model_version int"
)
_DOCUMENTS_AT_A_TIME = 64
_loaded: dict[str, Extractor] = {}


def extract(
    documents: DataFrame, bundle: str | Path, model_name: str, model_version: int, partitions: int
) -> DataFrame:
    """Read the fields of each document.

    Args:
        documents: `document_id` and `lines`, as in silver.document.
        bundle: folder of the extractor, on this machine; its files travel to the workers.
        model_name: written into each row.
        model_version: written into each row.
        partitions: workers at once; each pays for a start of TensorFlow, so few and large ones.

    Returns:
        One row per document and field; `value` is null and `score` 0 where nothing was found.
    """
    files = {file.name: file.read_bytes() for file in sorted(Path(bundle).iterdir()) if file.is_file()}
    shipped = documents.sparkSession.sparkContext.broadcast(files)
    written_by = {"model_name": model_name, "model_version": model_version}

    def read_all(rows: Iterator[Row]) -> Iterable[Row]:
        while some := list(islice(rows, _DOCUMENTS_AT_A_TIME)):
            for row in _extracted(_extractor(shipped.value), some):
                yield {**row, **written_by}

    # In a stable order, for which documents share a batch can move the last digit of a score.
    spread = documents.select("document_id", "lines").repartition(partitions, "document_id")
    ordered = spread.sortWithinPartitions("document_id")
    return map_rows(ordered, read_all, EXTRACTED)


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


def _extracted(extractor: Extractor, documents: list[Row]) -> Iterator[Row]:
    found = extractor.predict([[Line(**line) for line in document["lines"]] for document in documents])
    for document, predictions in zip(documents, found, strict=True):
        by_field = {each.field: each for each in predictions}
        for field in extractor.fields:
            each = by_field.get(field.name)
            yield {
                "document_id": document["document_id"],
                "field": field.name,
                "value": each.value if each else None,
                "score": each.score if each else 0.0,
                "line_numbers": list(each.line_numbers) if each else [],
            }


def _extractor(files: Mapping[str, bytes]) -> Extractor:
    """The extractor in these files; a Python worker that has it already does not load it anew."""
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()
    if digest not in _loaded:
        # TensorFlow 2.15 reports as errors (level 2) that it looked for a GPU twice.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            _loaded.clear()
            _loaded[digest] = load_bundle(folder)
    return _loaded[digest]

"""How much of a document's text the training documents knew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pyspark.sql import DataFrame

from invoicelake.models.bundle import load_bundle
from invoicelake.models.tokens import tokenise
from invoicelake.text.document import Line
from invoicelake.transforms.arrow import Row, map_rows


def unknown_shares(documents: DataFrame, bundle: str | Path) -> DataFrame:
    """`document_id` and `unknown_share`, the share of its words that are not in the model's vocabulary.

    Args:
        documents: `document_id` and `lines`, as in silver.document.
        bundle: folder of the extractor, on this machine.
    """
    vocabulary = load_bundle(bundle).vocabulary

    def shares(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            texts = tokenise([Line(**line) for line in row["lines"]]).texts
            yield {"document_id": row["document_id"], "unknown_share": vocabulary.unknown_share(texts)}

    return map_rows(
        documents.select("document_id", "lines"), shares, "document_id string, unknown_share double"
    )

"""Generated documents as they land: made by Spark in parallel, from their number and a seed alone."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from pyspark.sql import SparkSession, functions as F

from invoicelake import config
from invoicelake.sources.generated.documents import generate
from invoicelake.sources.generated.payload import to_payload
from invoicelake.sources.received import Received, rejections, with_identity

_COLUMNS = "source string, name string, source_uri string, content binary, annotation binary"
_DOCUMENTS_PER_TASK = 500


def receive(spark: SparkSession, suite: config.Suite) -> Received:
    """As many documents as the settings say; none is rejected."""
    settings, seed = suite.generator, suite.seed

    def generate_all(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        for batch in batches:
            columns: dict[str, list[str | bytes]] = {name.split()[0]: [] for name in _COLUMNS.split(", ")}
            for index in batch.column(0).to_pylist():
                content, annotation = to_payload(generate(index, seed, settings))
                columns["source"].append("generated")
                columns["name"].append(f"{seed}-{index:07d}")
                columns["source_uri"].append(f"generated:seed={seed}/index={index}")
                columns["content"].append(content)
                columns["annotation"].append(annotation)
            yield pa.RecordBatch.from_pydict(columns)

    tasks = max(spark.sparkContext.defaultParallelism, settings.documents // _DOCUMENTS_PER_TASK)
    documents = spark.range(settings.documents, numPartitions=tasks).mapInArrow(generate_all, _COLUMNS)
    unscanned = documents.select(
        "*",
        F.lit(None).cast("binary").alias("image"),
        F.lit(None).cast("int").alias("scan_width"),
        F.lit(None).cast("int").alias("scan_height"),
    )
    nothing = unscanned.limit(0).select(
        "source", "name", "source_uri", F.lit("").alias("reason"), F.lit("").alias("detail"), "content"
    )
    return Received(with_identity(unscanned), rejections(nothing))

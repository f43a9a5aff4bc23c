"""What an evaluation leaves behind: rows of gold.extractor_score, and the report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake import config
from invoicelake.evaluation.drawing import ReadDocument
from invoicelake.evaluation.metrics import bootstrap_interval, table_rows
from invoicelake.evaluation.report import Report, choose_examples
from invoicelake.promotion.contest import Entry
from invoicelake.sources.received import Received
from invoicelake.tables import Lake
from invoicelake.text.document import Line
from invoicelake.tracking import Tracking

_SCORES = (
    "model_name string, model_version int, documents_id string, document_group string, field string, "
    "normalisation string, predicted bigint, labelled bigint, correct bigint, precision double, "
    "recall double, f1 double"
)


def score_rows(spark: SparkSession, entry: Entry) -> DataFrame:
    """The columns of gold.extractor_score."""
    identity = hashlib.sha256("\n".join(item.document_id for item in entry.scored).encode()).hexdigest()[:16]
    known = {"model_name": entry.model.name, "model_version": entry.model.version, "documents_id": identity}
    return spark.createDataFrame([known | row for row in table_rows(entry.scores)], _SCORES)


def report_file(lake: Lake, entry: Entry) -> Path:
    """Where the report of a model version lies."""
    return Path(lake.side_folder("reports")) / f"{entry.model.name}-{entry.model.version}.html"


def report_of(
    entry: Entry, parsed: DataFrame, received: Received, tracking: Tracking, suite: config.Suite
) -> Report:
    """The report on an evaluated model version."""
    model, tags = entry.model, tracking.run_tags(entry.model)
    chosen = choose_examples(entry.scored, entry.scores.fields, suite.evaluation.report_pages)
    reasons = (
        parsed.where(F.col("reason").isNotNull()).select("reason").union(received.rejected.select("reason"))
    )
    return Report(
        title=f"{model.name}, version {model.version}",
        facts={
            "Registered model": f"{model.name}, version {model.version}",
            "Documents": f"{suite.input.format}{f' from {suite.input.path}' if suite.input.path else ''}",
            "Training table": f"{tags['training_table']}, version {tags['training_table_version']}",
            "Git commit of the training": tags.get("mlflow.source.git.commit", "unknown"),
            "MLflow run": model.run_id,
        },
        scores=entry.scores,
        history=tracking.history(model),
        best_epoch=tracking.best_epoch(model),
        interval=bootstrap_interval(entry.scored, entry.scores.fields, seed=suite.seed),
        rejected=Counter(row["reason"] for row in reasons.collect()),
        documents=_drawable(entry.documents, chosen, parsed, received),
    )


def _drawable(
    documents: Sequence[ReadDocument], chosen: Sequence[str], parsed: DataFrame, received: Received
) -> list[ReadDocument]:
    """The chosen documents with their lines and scans."""
    by_identity = {document.document_id: document for document in documents}
    lines = parsed.where(F.col("document_id").isin(chosen)).select("document_id", "lines")
    scans = received.documents.where(F.col("document_id").isin(chosen)).select(
        "document_id", "image", "scan_width", "scan_height"
    )
    rows = {row["document_id"]: row for row in lines.join(scans, on="document_id", how="left").collect()}
    return [
        replace(
            by_identity[identity],
            lines=[Line(**line.asDict()) for line in rows[identity]["lines"]],
            image=rows[identity]["image"],
            scan_width=rows[identity]["scan_width"],
            scan_height=rows[identity]["scan_height"],
        )
        for identity in chosen
    ]

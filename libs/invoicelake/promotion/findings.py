"""What an evaluation leaves behind: rows of gold.extractor_score, and the report."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake import config
from invoicelake.evaluation.bootstrap import bootstrap_interval
from invoicelake.evaluation.drawing import ReadDocument
from invoicelake.evaluation.metrics import table_rows
from invoicelake.evaluation.report import Report, choose_examples
from invoicelake.promotion.contest import Entry, Outcome
from invoicelake.promotion.held_out import Calibrated, calibration_metrics
from invoicelake.sources.received import Received
from invoicelake.tables import Lake
from invoicelake.text.document import Line
from invoicelake.tracking import Tracking
from invoicelake.trust.reliability import reliability

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


def contest_metrics(outcome: Outcome) -> dict[str, float]:
    """What the challenger gained over the champion, and the interval of that; empty without a contest."""
    if outcome.difference is None:
        return {}
    found = outcome.difference
    return {
        "challenger_gain": found.gain,
        "challenger_gain_low": found.low,
        "challenger_gain_high": found.high,
    }


def _contest(outcome: Outcome) -> dict[str, str]:
    """The contest in words; empty where there was none."""
    if outcome.other is None or outcome.difference is None:
        return {}
    found = outcome.difference
    by = f"{found.gain:+.4f} exact F1 (95 % interval {found.low:+.4f} to {found.high:+.4f})"
    verdict = "better beyond noise" if found.is_beyond_noise else "not better beyond noise"
    told = f"the challenger gained {by} on {found.documents} documents new to both: {verdict}"
    return {f"Contest with version {outcome.other.model.version}": told}


def report_of(
    outcome: Outcome,
    parsed: DataFrame,
    received: Received,
    tracking: Tracking,
    suite: config.Suite,
    calibrated: Mapping[str, Calibrated],
) -> Report:
    """The report on the model version that was chosen."""
    entry = outcome.chosen
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
            **_contest(outcome),
        },
        scores=entry.scores,
        history=tracking.history(model),
        best_epoch=tracking.best_epoch(model),
        interval=bootstrap_interval(entry.scored, entry.scores.fields, seed=suite.seed),
        reliability={
            name: reliability(each.probabilities, each.is_right) for name, each in calibrated.items()
        },
        calibration_error=calibration_metrics(calibrated).get("calibration_error"),
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

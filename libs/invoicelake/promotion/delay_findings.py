"""What an evaluation of payment delay leaves behind: rows of gold.payment_delay_score, and the report."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from invoicelake.evaluation.delay_baselines import KEY, chosen
from invoicelake.evaluation.delay_metrics import DelayScore, delay_score
from invoicelake.evaluation.delay_report import DelayReport
from invoicelake.promotion.delay_contest import Columns, DelayEntry, unseen
from invoicelake.tables import Lake
from invoicelake.tracking import Tracking

Scores = Mapping[str, Mapping[str, DelayScore]]
NETWORK = "network"
_COLUMNS = (
    "model_name string, model_version int, receivables_id string, split string, predictor string, "
    "receivables bigint, late_share double, mean_error_days double, auc double, calibration_error double, "
    "reliability array<struct<receivables: bigint, probability: double, late_share: double, low: double, "
    "high: double>>"
)


def delay_scores(entry: DelayEntry, others: Columns) -> Scores:
    """Scores by split and predictor; of the test split, receivables that the model knows nothing of.

    Args:
        entry: what the model expected.
        others: what `compared` gives of the same receivables, in the same order.
    """
    predicted = {
        NETWORK: (entry.rows["predicted_days"], entry.rows["late_probability"]),
        **chosen(others),
    }
    days_late = entry.rows["days_late"].astype(np.float64)
    parts = {"test": unseen(entry.rows, entry.predictor.unseen_from)}
    if (validation := entry.rows["split"] == "validation").any():
        parts["validation"] = validation
    return {
        split: {
            name: delay_score(days_late[part], None if days is None else days[part], probability[part])
            for name, (days, probability) in predicted.items()
        }
        for split, part in parts.items()
    }


def delay_score_rows(spark: SparkSession, entry: DelayEntry, scores: Scores) -> DataFrame:
    """The columns of gold.payment_delay_score."""
    known = {
        "model_name": entry.model.name,
        "model_version": entry.model.version,
        "receivables_id": _identity(entry.rows),
    }
    rows = [
        {**known, "split": split, "predictor": name, **asdict(score), "reliability": _bins(score)}
        for split, by_name in scores.items()
        for name, score in by_name.items()
    ]
    return spark.createDataFrame(rows, _COLUMNS)


def _bins(score: DelayScore) -> list[tuple[int, float, float, float, float]]:
    return [(each.readings, each.probability, each.share, each.low, each.high) for each in score.reliability]


def delay_report_file(lake: Lake, entry: DelayEntry) -> Path:
    """Where the report of a model version lies."""
    return Path(lake.side_folder("reports")) / f"{entry.model.name}-{entry.model.version}.html"


def delay_report_of(entry: DelayEntry, scores: Scores, tracking: Tracking) -> DelayReport:
    """The report on an evaluated model version."""
    model, tags = entry.model, tracking.run_tags(entry.model)
    return DelayReport(
        title=f"{model.name}, version {model.version}",
        facts={
            "Registered model": f"{model.name}, version {model.version}",
            "Receivables": tags["source"],
            "Training table": f"{tags['training_table']}, version {tags['training_table_version']}",
            "Knows nothing from this day on": entry.predictor.unseen_from.isoformat(),
            "Git commit of the training": tags.get("mlflow.source.git.commit", "unknown"),
            "MLflow run": model.run_id,
        },
        scores=scores,
        history=tracking.history(model),
        best_epoch=tracking.best_epoch(model),
    )


def delay_metrics(scores: Scores) -> dict[str, float]:
    """The scores on test as flat numbers, such as `trees_auc`."""
    names = ("mean_error_days", "auc", "calibration_error")
    found = {
        f"{predictor}_{name}": getattr(score, name)
        for predictor, score in scores["test"].items()
        for name in names
    }
    return {name: value for name, value in found.items() if value is not None}


def _identity(rows: Mapping[str, NDArray[np.object_]]) -> str:
    lines = (
        "\x1f".join(map(str, cells)) for cells in zip(*(rows[name] for name in (*KEY, "split")), strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

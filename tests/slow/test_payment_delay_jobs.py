"""Payment delay from receivables to predictions: in this process and on two ranks, and once more."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import functions as F

from invoicelake.models.delay_encoding import CATEGORIES, CUSTOMER, NUMBERS
from running import run_job

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.timeout(900)]
BEFORE = ("ingest_exchange_rates", "ingest_receivables", "clean_receivables", "build_payment_delay_set")
JOBS = (
    "build_payment_delay_tensors",
    "train_payment_delay",
    "evaluate_payment_delay",
    "predict_payment_delay",
)
SMALL = (
    "trade.receivables=600",
    "delay_model.epochs=12",
    "delay_model.trees=8",
    "delay_model.tree_depths=[2]",
)
ALONE = ("training.launcher=inprocess", "training.processes=1")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return f"lake.path={tmp_path_factory.mktemp('delay')}/a lake"


@pytest.fixture(scope="module")
def first(spark, lake, tmp_path_factory):
    """By job, its run; of exchange rates, which no feature hangs on, there are few."""
    rates = tmp_path_factory.mktemp("rates") / "rates.csv"
    rates.write_text("Date,USD\n2024-01-30,1.084\n")
    settings = (lake, *SMALL, *ALONE, f"rates.path={rates}")
    return {job: run_job(spark, job, *settings) for job in (*BEFORE, *JOBS)}


def test_it_is_better_than_always_the_same(first):
    """Generated customers have habits, which 600 receivables show."""
    scores = first["evaluate_payment_delay"].metrics
    assert scores["network_mean_error_days"] < scores["constant_mean_error_days"]
    assert scores["network_auc"] > 0.65
    assert scores["trees_auc"] > 0.65
    assert scores["logistic_regression_auc"] > 0.65
    assert scores["constant_auc"] == 0.5
    assert 0 <= scores["network_calibration_error"] < 0.3


def test_scores_and_predictions_are_in_tables(first):
    lake = first["predict_payment_delay"].lake
    scores = lake.read("gold.payment_delay_score").collect()
    assert {(row["split"], row["predictor"]) for row in scores} == {
        (split, name)
        for split in ("validation", "test")
        for name in ("network", "constant", "trees", "logistic_regression")
    }
    assert all(
        sum(each["receivables"] for each in row["reliability"]) == row["receivables"] for row in scores
    )
    predictions = lake.read("gold.payment_delay_prediction")
    assert predictions.count() == 600
    assert {row["model_version"] for row in predictions.select("model_version").collect()} == {1}
    assert 0 < predictions.where("NOT is_settled").count() < 60
    unseen = predictions.where("NOT is_seen").join(
        lake.read("gold.payment_delay_example").where("split = 'test'"), on="invoice_number", how="inner"
    )
    (own,) = [row for row in scores if (row["split"], row["predictor"]) == ("test", "network")]
    assert unseen.count() == own["receivables"]


def test_report_stands_alone(first):
    page = Path(first["evaluate_payment_delay"].metrics["report"]).read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "payment_delay_generated_receivables, version 1" in page
    assert "gradient-boosted trees" in page


def test_model_runs_in_mlflow(first):
    import mlflow

    lake = first["predict_payment_delay"].lake
    given = [F.col(name).cast("double") for name in NUMBERS]
    given += [F.col(name).cast("string") for name in (*CATEGORIES, CUSTOMER)]
    rows = (
        lake.read("gold.payment_delay_example").orderBy("invoice_number").limit(5).select(*given).toPandas()
    )
    mlflow.set_registry_uri(f"sqlite:///{lake.path}/mlflow.db")
    found = mlflow.pyfunc.load_model("models:/payment_delay_generated_receivables@champion").predict(rows)
    expected = lake.read("gold.payment_delay_prediction").orderBy("invoice_number").limit(5).toPandas()
    for name in ("days_late", "late_probability"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4)


def test_a_second_run_trains_nothing_and_commits_nothing(spark, lake, first):
    again = {job: run_job(spark, job, lake, *SMALL, *ALONE) for job in JOBS}
    assert again["train_payment_delay"].metrics == {"model_version": 1, "trained_epochs": 0}
    for job in JOBS:
        assert {name: table["changed"] for name, table in again[job].tables.items()} == dict.fromkeys(
            first[job].tables, 0
        )


def test_two_ranks_train_a_challenger_that_must_win(spark, lake, first):
    """The same rows on two ranks are another job; trained for one epoch only, it loses and is not used."""
    weak = ("training.launcher=horovod", "training.processes=2", "delay_model.epochs=1")
    weak += ("delay_model.learning_rate=1e-6",)
    trained = run_job(spark, "train_payment_delay", lake, *SMALL, *weak)
    assert (trained.metrics["model_version"], trained.metrics["trained_epochs"]) == (2, 1)
    evaluated = run_job(spark, "evaluate_payment_delay", lake, *SMALL)
    assert evaluated.metrics["model_version"] == 1
    good = ("training.launcher=horovod", "training.processes=2", "delay_model.epochs=20")
    trained = run_job(spark, "train_payment_delay", lake, *SMALL, *good)
    assert trained.metrics["model_version"] == 3
    assert trained.metrics["validation_score"] > -2

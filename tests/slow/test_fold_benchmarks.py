"""`benchmark folds` and `ladder` on a handful of generated receipts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import folds
import ladder
import line_items
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.job import Run
from running import CONF

SMALL = (
    "generator.documents=30",
    "generator.suppliers=15",
    "generator.invoice_share=0",
    "fields=[{name: company, kind: text}, {name: date, kind: date}, {name: total, kind: amount}]",
    "line_items.read=false",
    "model.width=16",
    "model.depth=1",
    "training.epochs=1",
    "benchmark.folds=[supplier_0]",
    "benchmark.pretraining_documents=8",
)


def run_of(spark: SparkSession, lake: Path, *overrides: str) -> Run:
    settings = config.load(CONF, overrides=[f"lake.path={lake}", *SMALL, *overrides])
    return Run("benchmark", settings, spark)


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("lake")


@pytest.fixture(scope="module")
def scored(spark, lake) -> dict[str, float | str]:
    return folds.measure(run_of(spark, lake))


def test_each_reading_of_a_fold_is_kept_with_its_label(scored):
    rows = [json.loads(line) for line in Path(scored["predictions"]).read_text().splitlines()]
    assert {row["fold"] for row in rows} == {"supplier_0"}
    assert {row["document_group"] for row in rows} == {"unseen"}
    assert len({row["document_id"] for row in rows}) == scored["documents"]
    assert {"value", "label", "score", "alternatives", "supplier", "is_right_exact"} <= set(rows[0])


def test_kept_extractors_read_the_same_again(spark, lake, scored):
    again = folds.measure(run_of(spark, lake, "benchmark.retrain=false"))
    timed = {"read_ms"}
    assert {key: value for key, value in again.items() if key not in timed} == {
        key: value for key, value in scored.items() if key not in timed
    }


def test_every_rung_of_the_ladder_is_measured(spark, lake, scored):
    found = ladder.measure(run_of(spark, lake, "benchmark.retrain=false"))
    names = (ladder.RULES, ladder.TREES, ladder.BILSTM, ladder.TAGGER, ladder.PRETRAINED)
    assert all(0 <= found[f"f1_exact_suppliers_{name}"] <= 1 for name in names)
    assert found[f"f1_exact_suppliers_{ladder.TREES}"] > 0
    assert found[f"f1_exact_suppliers_{ladder.TAGGER}"] == scored["f1_exact_suppliers"]
    assert len(Path(found["table"]).read_text().splitlines()) == 2 + len(names)


def test_line_items_are_measured(spark, lake):
    found = line_items.measure(run_of(spark, lake, "line_items.read=true"))
    measured = ("item", "parts", "description", "quantity", "unit_price", "amount", "fields", "total")
    assert all(0 <= found[f"f1_exact_{name}_{line_items.NOTHING}"] <= 1 for name in measured)


def test_an_input_without_line_items_is_told(spark, lake):
    with pytest.raises(JobError, match="no line items to learn from"):
        line_items.measure(run_of(spark, lake))

"""The main job as a user runs it: from nothing to invoices, again, interrupted, and with wrong input."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import readme
from invoicelake import config
from invoicelake.table_spec import load_specs
from launcher_clone import heed_signals
from running import CONF, run_job

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = (
    "bronze.document",
    "bronze.document_rejected",
    "silver.document",
    "silver.document_rejected",
    "silver.label",
    "silver.line_item",
    "silver.extraction",
    "silver.extraction_alternative",
    "silver.extracted_line_item",
    "gold.calibration_example",
    "gold.extractor_example",
    "gold.extractor_vocabulary",
    "gold.extractor_known_value",
    "gold.extractor_score",
    "gold.field_acceptance",
    "gold.invoice",
    "gold.invoice_check",
    "gold.invoice_field",
    "gold.invoice_line_item",
    "gold.review_item",
)
SPECS = {name: load_specs(ROOT / "conf" / "tables")[name] for name in WRITTEN}
SMALL = (
    "generator.documents=120",
    "generator.suppliers=40",
    "model.width=64",
    "model.depth=2",
    "training.epochs=3",
    "training.batch_size=4",
    "encoding.min_documents=2",
)
# What a model of three epochs reads of items is hardly ever whole, and generated labels are as printed.
MAY_BE_EMPTY = ("silver.extracted_line_item", "gold.invoice_line_item", "gold.extractor_known_value")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1600)]


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    summary: dict[str, Any]
    told: str


def run(job: str, *arguments: str) -> Outcome:
    finished = subprocess.run(
        [str(ROOT / "spark-submit.sh"), job, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=1500,
        check=False,
    )
    lines = finished.stdout.splitlines()
    assert len(lines) <= 1, "standard output holds the summary and nothing else"
    return Outcome(finished.returncode, json.loads(lines[0]) if lines else {}, finished.stderr)


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("pipeline") / "a lake"


@pytest.fixture(scope="module")
def first(lake) -> Outcome:
    outcome = run("pipeline", *SMALL, f"lake.path={lake}")
    assert outcome.code == 0, outcome.told
    return outcome


@pytest.fixture(scope="module")
def tables(first, lake, spark) -> Path:
    """The lake, its tables as views in Spark: those of README, and every table as layer_name."""
    for statement in readme.view_statements(lake):
        spark.sql(statement)
    for name in SPECS:
        layer, table = name.split(".")
        spark.sql(
            f"CREATE OR REPLACE TEMP VIEW {layer}_{table} AS SELECT * FROM delta.`{lake}/{layer}/{table}`"
        )
    return lake


def test_summary(first):
    assert first.summary["job"] == "pipeline"
    assert first.summary["status"] == "done"
    assert set(first.summary["tables"]) == set(SPECS)
    for name in ("bronze.document", "silver.document", "gold.invoice"):
        assert first.summary["tables"][name]["rows"] == 120
    assert first.summary["tables"]["silver.extraction"]["rows"] == 120 * len(config.load(CONF).fields)
    assert 0 < first.summary["metrics"]["f1_exact"] <= 1
    assert {"f1_nospace", "f1_alnum", "f1_exact_total", "f1_exact_unseen"} <= set(first.summary["metrics"])


def test_a_second_run_commits_nothing(first, lake):
    """As a command, too: another number of tasks may change the last bit of a score."""
    again = run("pipeline", *SMALL, f"lake.path={lake}")
    assert again.code == 0, again.told
    versions = {name: table["version"] for name, table in again.summary["tables"].items()}
    assert versions == {name: table["version"] for name, table in first.summary["tables"].items()}
    assert again.summary["metrics"]["trained_epochs"] == 0
    assert again.summary["metrics"]["f1_exact"] == first.summary["metrics"]["f1_exact"]


QUERIES = [(name, query.title, query.sql) for name, spec in SPECS.items() for query in spec.queries]


@pytest.mark.parametrize(
    ("name", "title", "sql"), QUERIES, ids=[f"{name}: {title}" for name, title, _ in QUERIES]
)
def test_example_queries_run_in_spark(spark, tables, name, title, sql):
    place = f"delta.`{tables}/{name.replace('.', '/')}`"
    rows = spark.sql(sql.format(table=place)).collect()
    assert rows or name.endswith("_rejected") or name in MAY_BE_EMPTY


@pytest.mark.parametrize("sql", readme.queries())
def test_queries_of_readme_run_in_spark(spark, tables, sql):
    assert spark.sql(sql).collect()


def test_duckdb_block_of_readme_runs(tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lake").symlink_to(tables)
    exec(compile(readme.duckdb_block(), "README.md", "exec"), {})


def test_layers_agree(spark, tables):
    counts = spark.sql(
        """SELECT (SELECT count(*) FROM bronze_document) AS received,
                  (SELECT count(*) FROM silver_document) AS read,
                  (SELECT count(DISTINCT document_id) FROM silver_extraction) AS extracted,
                  (SELECT count(*) FROM gold_invoice i JOIN bronze_document USING (document_id)) AS published,
                  (SELECT count(DISTINCT supplier_hash) FROM gold_extractor_example) AS suppliers,
                  (SELECT count(DISTINCT supplier_hash, split) FROM gold_extractor_example) AS placed"""
    ).first()
    assert counts[:4] == (120,) * 4
    assert counts["suppliers"] == counts["placed"] <= 40


def test_run_is_tracked(first, lake):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{lake}/mlflow.db", f"sqlite:///{lake}/mlflow.db")
    version = client.get_model_version_by_alias("extractor_generated", "champion")
    tracked = client.get_run(version.run_id)
    assert tracked.info.status == "FINISHED"
    assert tracked.data.params["training.epochs"] == "3"
    losses = client.get_metric_history(version.run_id, "val_loss")
    assert sorted(entry.step for entry in losses) == [1, 2, 3]
    read = {entry.tags[0].value: entry.dataset for entry in tracked.inputs.dataset_inputs}
    table = first.summary["tables"]["gold.extractor_example"]
    assert read["training"].name == "gold.extractor_example"
    assert json.loads(read["training"].source)["delta_table_version"] == table["version"]
    assert tracked.data.tags["mlflow.source.git.commit"] not in ("", "None")


def test_report_needs_nothing_from_elsewhere(first):
    page = Path(first.summary["metrics"]["report"]).read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "extractor_generated, version 1" in page
    assert "<svg" in page


# why, job, arguments (LAKE stands for an empty one), exit code, message
WRONG = [
    (
        "no such folder",
        "ingest_documents",
        ["input.format=sroie", "input.path=/none"],
        1,
        "found nothing there",
    ),
    ("no folder given", "pipeline", ["input.format=sroie"], 1, "add input.path=DIR"),
    (
        "lake not writable",
        "ingest_documents",
        ["lake.path=/proc/lake"],
        1,
        "cannot create the lake folder /proc/lake",
    ),
    ("tables missing", "clean_text", [], 1, "there is no table bronze.document"),
    ("no champion", "extract_fields", [], 1, "has no version with the alias champion"),
    (
        "no tracking server",
        "evaluate_extractor",
        ["tracking.uri=http://127.0.0.1:9", "tracking.timeout_s=3"],
        1,
        "127.0.0.1:9",
    ),
    ("unknown setting", "pipeline", ["trainig.epochs=2"], 2, "unknown setting 'trainig'"),
]


@pytest.mark.parametrize(
    ("job", "arguments", "code", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_wrong_input_gets_one_clear_message(tmp_path, job, arguments, code, message):
    lake = (
        []
        if any(argument.startswith("lake.path") for argument in arguments)
        else [f"lake.path={tmp_path}/lake"]
    )
    outcome = run(job, *arguments, *lake)
    assert outcome.code == code
    assert [line for line in outcome.told.splitlines() if message in line and line.startswith(f"{job}: ")]
    assert "Traceback" not in outcome.told
    if code == 1:
        assert outcome.summary["status"] == "failed"
        assert message in outcome.summary["error"]


@pytest.fixture
def interrupted(tmp_path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A pipeline that has just written its first table, in a process group of its own as in a terminal."""
    lake = tmp_path / "lake"
    process = subprocess.Popen(
        [str(ROOT / "spark-submit.sh"), "pipeline", *SMALL, f"lake.path={lake}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=heed_signals,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "bronze.document:" in line:
            break
    yield process, lake
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def test_interrupted_in_the_middle_the_lake_stays_whole(spark, interrupted):
    process, lake = interrupted
    family = psutil.Process(process.pid).children(recursive=True)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    output, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(output)["status"] == "interrupted"
    assert time.monotonic() - began < 30
    assert "Traceback" not in told
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []
    assert spark.read.format("delta").load(f"{lake}/bronze/document").count() == 120
    again = run("ingest_documents", *SMALL, f"lake.path={lake}")
    assert again.code == 0
    assert again.summary["tables"]["bronze.document"]["changed"] == 0


def test_a_table_of_another_schema_is_left_alone(spark, tmp_path):
    place = f"{tmp_path}/lake/bronze/document"
    spark.sql("SELECT 1 AS number").write.format("delta").save(place)
    outcome = run("ingest_documents", *SMALL, f"lake.path={tmp_path}/lake")
    assert outcome.code == 1
    assert "another schema than bronze.document" in outcome.summary["error"]
    assert spark.read.format("delta").load(place).columns == ["number"]


def test_evaluation_of_a_folder_that_the_lake_does_not_know(spark, first, lake, shared_data, tmp_path):
    """The champion scores receipts of another source, with and without scans alike."""
    for number in ("000", "001", "002"):
        for kind, ending in (("box", "csv"), ("key", "json")):
            (tmp_path / kind).mkdir(exist_ok=True)
            shutil.copy(shared_data / "sroie" / "train" / kind / f"{number}.{ending}", tmp_path / kind)
    wanted = ["input.format=sroie", f"input.path={tmp_path}", "tracking.model_name=extractor_generated"]
    without = run_job(spark, "evaluate_extractor", *wanted, f"lake.path={lake}")
    shutil.copytree(
        shared_data / "sroie" / "train" / "img", tmp_path / "img", ignore=_all_but("000", "001", "002")
    )
    shutil.copy(shared_data / "sroie" / "train" / "sizes.csv", tmp_path)
    with_scans = run_job(spark, "evaluate_extractor", *wanted, f"lake.path={lake}")
    scores = [
        {k: v for k, v in each.metrics.items() if k.startswith(("f1", "documents"))}
        for each in (without, with_scans)
    ]
    assert scores[0] == scores[1]
    assert scores[0]["documents_unseen"] == 3
    assert {"f1_exact", "f1_nospace", "f1_alnum"} <= set(scores[0])


def _all_but(*names: str) -> Any:
    return lambda folder, files: [file for file in files if Path(file).stem not in names]

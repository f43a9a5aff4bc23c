"""The command line of jobs, without Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JOBS = sorted(path.stem for path in (ROOT / "jobs").glob("*.py"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "libs"), "INVOICELAKE_HOME": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("job", JOBS)
def test_help_names_the_job_and_all_settings_without_loading_spark(job):
    shown = run("-m", "invoicelake.cli", "help", job)
    assert shown.returncode == 0
    text = " ".join(shown.stdout.split())
    assert f"./spark-submit.sh {job}" in text
    assert "training.processes (default 2): Number of ranks" in text
    loaded = {
        line.split("|")[-1].strip() for line in shown.stderr.splitlines() if line.startswith("import time")
    }
    assert not loaded & {"pyspark", "tensorflow", "mlflow", "pandas", "numpy"}


# why, arguments, exit code, message
CHECKS = [
    ("sound", ["pipeline", "input.format=sroie"], 0, ""),
    ("unknown key", ["pipeline", "trainig.epochs=3"], 2, "pipeline: unknown setting 'trainig'"),
    ("no value", ["pipeline", "seed"], 2, "expected key=value, got 'seed'"),
    ("unknown option", ["pipeline", "--fast"], 2, "No such option"),
    ("unknown environment", ["pipeline", "--env", "mars"], 2, "no settings file"),
    ("unknown job", ["pipelin"], 2, "there is no job 'pipelin'; the jobs are benchmark, build_"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "message"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS]
)
def test_settings_are_checked_before_anything_starts(arguments, code, message):
    checked = run("-m", "invoicelake.cli", "check", *arguments)
    told = "\n".join(line for line in checked.stderr.splitlines() if not line.startswith("import time"))
    assert checked.returncode == code
    assert message in told
    assert "Traceback" not in told


def test_dry_run_shows_the_settings_and_ends_with_one_line_of_json(tmp_path):
    lake = tmp_path / "lake"
    planned = run("jobs/ingest_documents.py", "--dry-run", f"lake.path={lake}", "seed=7")
    assert planned.returncode == 0
    assert json.loads(planned.stdout) == {
        "job": "ingest_documents",
        "status": "planned",
        "tables": {},
        "metrics": {},
        "seconds": 0.0,
    }
    assert "seed: 7" in planned.stderr
    assert not lake.exists()

"""Jobs on a Spark standalone cluster: its executors have folders and addresses of their own, and are lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

import driver
import small_training
import standalone
from launcher_clone import heed_signals

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("model.width=16", "model.depth=1", "training.epochs=1")
WITHIN_S = 60
AT_LAST_S = 300
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[standalone.Cluster]:
    with standalone.started(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def run(*command: str, **environment: str) -> tuple[int, str, str]:
    # Nothing else of this environment, which is that of a job on this machine alone.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ}
    done = subprocess.run(
        [str(ROOT / "spark-submit.sh"), *command, "--env", "cluster"],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heed_signals,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_main_job_runs_on_workers_that_have_nothing_of_the_project(
    cluster: standalone.Cluster, tmp_path: Path
) -> None:
    """With a rank on each worker, which meet by their addresses: none has an interface of another's name."""
    at = {"MASTER": cluster.master, "SPARK_LOCAL_IP": cluster.address}
    here = [f"lake.path={tmp_path / 'lake'}", "generator.documents=120", *SMALL]
    code, out, err = run("pipeline", *here, **at)
    assert code == 0, out[-4000:] + err[-4000:]
    done = json.loads(out.splitlines()[-1])
    assert done["tables"]["silver.document"]["rows"] == 120
    assert done["metrics"]["trained_epochs"] == 1
    # spark-submit has what Python writes to standard error come out on standard output.
    told = re.search(r"2 ranks met: 0 at (\S+) \((\S+)\), 1 at (\S+) \((\S+)\)", out)
    assert told is not None, out[-4000:]
    addresses = {worker.address for worker in cluster.workers}
    assert {told[1], told[3]} == addresses
    assert (told[2] == told[4]) == (len(addresses) == 1)
    executors = cluster.executors()
    # The package was sent to each, and unpacked there.
    package = Path("invoicelake_libs", "invoicelake", "job.py")
    assert all(any((folder / package).is_file() for folder in folders) for folders in executors), executors


def test_a_master_that_is_not_named_is_told() -> None:
    code, out, err = run("clean_text")
    assert (code, out) == (1, "")
    assert "no Spark master is named for --env cluster: set MASTER" in err


@pytest.fixture(scope="module")
def trained_by(
    cluster: standalone.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[driver.Driver]:
    """A driver of the cluster."""
    folder = tmp_path_factory.mktemp("training")
    with driver.running(folder, cluster.master, cluster.address) as running:
        yield running


def test_workers_of_elephas_train(trained_by: driver.Driver) -> None:
    trained_by.train(launcher="elephas", epochs=1)
    assert len(trained_by.until("result", AT_LAST_S)["history"]) == 1


def executor_of(worker: standalone.Worker) -> int:
    """Process id of the executor that runs on a worker now."""
    folder = str(worker.work_folder)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if "CoarseGrainedExecutorBackend" in " ".join(process.cmdline()) and folder in process.cwd():
                return process.pid
    raise LookupError(f"no executor in {folder}")


def test_training_goes_on_after_an_executor_was_killed(
    cluster: standalone.Cluster, trained_by: driver.Driver, undisturbed: Any
) -> None:
    trained_by.train()
    trained_by.until("checkpoint", AT_LAST_S, epoch=1)
    os.kill(executor_of(cluster.workers[1]), signal.SIGKILL)
    began = time.monotonic()
    resumed = trained_by.until("resumed", WITHIN_S)
    assert (resumed["ranks"], resumed["epoch"], resumed["step"] > 0) == (2, 1, True)
    trained_by.until("step", WITHIN_S)
    assert time.monotonic() - began < WITHIN_S
    small_training.require_same(trained_by.until("result", AT_LAST_S)["history"], undisturbed)


def test_ranks_go_and_come(cluster: standalone.Cluster, trained_by: driver.Driver) -> None:
    """A worker is lost and training goes on with one rank; it comes back, and training goes on with two."""
    trained_by.train(launcher="horovod_elastic", epochs=1000, patience=1000)
    trained_by.until("resumed", AT_LAST_S, ranks=2)
    trained_by.until("checkpoint", AT_LAST_S)
    cluster.workers[1].kill()
    began = time.monotonic()
    seen = trained_by.events("resumed", WITHIN_S)
    assert (seen[-1]["ranks"], seen[-1]["epoch"] + seen[-1]["step"] > 0) == (1, True)
    seen += trained_by.events("step", WITHIN_S)
    assert time.monotonic() - began < WITHIN_S
    cluster.workers[1].start()
    seen += trained_by.events("resumed", AT_LAST_S)
    assert seen[-1]["ranks"] == 2
    seen += trained_by.events("epoch", AT_LAST_S) + trained_by.events("epoch", AT_LAST_S)
    epochs = [event for event in seen if event["event"] == "epoch"]
    assert [event["epoch"] for event in epochs] == list(range(epochs[0]["epoch"], epochs[-1]["epoch"] + 1))
    every_row = small_training.rows_seen(small_training.training_job(trained_by.folder).train)
    assert {event["metrics"]["rows_seen"] for event in epochs} == {every_row}
    assert epochs[-1]["metrics"]["loss"] < epochs[0]["metrics"]["loss"]

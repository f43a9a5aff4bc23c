"""Training whose ranks, driver, disk and tracking server are really taken away."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

import driver
import processes
import small_training
import tiny_extractor
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.tracking import Tracking, open_tracking
from invoicelake.tracking_models import EXTRACTOR
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.ranks import RankFailed

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.timeout(600)]
# Ranks cannot import a test by its name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

WITHIN_S = 60
AT_LAST_S = 300


class Once:
    """Listens to the chief, and does something to the ranks when a checkpoint is far enough.

    Attributes:
        back_s: seconds from then until the next step after it.
    """

    def __init__(self, action, epoch=1):
        self._action, self._epoch = action, epoch
        self._done_at = self.back_s = None

    def __call__(self, event):
        if self._done_at is None and event["event"] == "checkpoint" and event["epoch"] == self._epoch:
            self._done_at = time.monotonic()
            self._action(processes.ranks(os.getpid()))
        elif event["event"] == "resumed" and self._done_at is not None:
            self.resumed = event
        elif event["event"] == "step" and hasattr(self, "resumed") and self.back_s is None:
            self.back_s = time.monotonic() - self._done_at


def test_training_goes_on_after_the_chief_was_killed(spark, tmp_path, undisturbed, caplog):
    killed = Once(lambda ranks: os.kill(ranks[0], signal.SIGKILL))
    with caplog.at_level(logging.WARNING):
        result = small_training.train(small_training.training_job(tmp_path), killed)
    small_training.require_same(result.history, undisturbed)
    assert killed.resumed["epoch"] == 1
    assert killed.resumed["step"] > 0
    assert killed.back_s < WITHIN_S
    told = [
        record.getMessage() for record in caplog.records if "starting the ranks again" in record.getMessage()
    ]
    assert len(told) == 1
    assert told[0].startswith("rank 0 (process ")
    assert ") ended without a word: killed (SIGKILL), or out of memory; starting the ranks again" in told[0]
    assert "(1 of 3 times), from step " in told[0]


def stop_second(ranks):
    os.kill(ranks[1], signal.SIGSTOP)


def test_a_stopped_rank_ends_the_job(spark, tmp_path):
    job = small_training.training_job(tmp_path, stall_timeout_s=10, max_restarts=0, epochs=9)
    stopped = Once(stop_second, epoch=0)
    began = time.monotonic()
    with pytest.raises(RankFailed, match=r"training hung for 10 s: rank 1 \(process \d+ on .*\), silent for"):
        small_training.train(job, stopped)
    assert time.monotonic() - stopped._done_at < WITHIN_S
    assert time.monotonic() - began < 2 * WITHIN_S


def sleep_on_second(rank):
    """What stands for a rank that waits for something that never comes."""
    import numpy as np

    rank.total(np.array(1.0))
    if rank.index == 1:
        time.sleep(300)
    rank.total(np.array(1.0))


def test_a_hanging_rank_ends_the_job_and_is_told_by_place(spark):
    settings = config.Training(launcher="horovod", stall_timeout_s=10, max_restarts=0)
    began = time.monotonic()
    with pytest.raises(RankFailed, match=r"training hung .*rank 1 \(.*test_recovery.py:\d+ sleep_on_second"):
        launcher(settings).train(sleep_on_second, 2)
    assert time.monotonic() - began < 2 * WITHIN_S


def test_a_killed_driver_leaves_no_process_and_its_job_goes_on(tmp_path, undisturbed):
    here = (tmp_path, "local[2]", "127.0.0.1")
    with driver.running(*here) as process:
        process.train()
        process.until("checkpoint", AT_LAST_S, epoch=1)
        left = processes.descendants(process.pid)
        assert processes.ranks(process.pid).keys() == {0, 1}
        process.end()
        processes.wait(lambda: not any(each.is_running() for each in left), WITHIN_S)
    with driver.running(*here) as process:
        process.train()
        resumed = process.until("resumed", WITHIN_S)
        assert (resumed["epoch"], resumed["step"] > 0) == (1, True)
        small_training.require_same(process.until("result", AT_LAST_S)["history"], undisturbed)


@contextmanager
def small_disk(folder: Path, size_kb: int) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk can be made by root alone")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Take all the room that is left on a disk."""
    with suppress(OSError), (disk / "other").open("wb") as out:
        while True:
            out.write(bytes(4096))
            out.flush()


def test_a_full_disk_is_told_and_training_goes_on_once_there_is_room(tmp_path):
    changes = {"launcher": "inprocess", "processes": 1, "rows": 400, "checkpoint_every_s": 0.1, "epochs": 4}
    expected = small_training.train(small_training.training_job(tmp_path / "whole", **changes)).history
    disk = tmp_path / "disk"
    with small_disk(disk, 4096):
        job = small_training.training_job(tmp_path / "table", checkpoints=disk, **changes)
        told = rf"no room to write .*the disk at {disk} has 0\.\d MB free; make room"
        with pytest.raises(JobError, match=told):
            small_training.train(job, lambda event: fill(disk) if event.get("epochs") else None)
        (disk / "other").unlink()
        seen: list[Any] = []
        result = small_training.train(job, seen.append)
    assert next(event["epoch"] for event in seen if event["event"] == "resumed") >= 1
    small_training.require_same(result.history, expected)


class Server:
    """An MLflow server, to be closed; it keeps its records while it is away."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.uri, self._log = f"http://127.0.0.1:{port}", folder / "log"
        self._command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        self._command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"]
        self._command += ["--artifacts-destination", str(folder / "artifacts")]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            # Its runner of jobs of its own is five more processes, which nothing here asks for.
            environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
            self._process = subprocess.Popen(
                self._command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        processes.wait(self._answers, WITHIN_S)

    def kill(self) -> None:
        """Take it away."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        with suppress(OSError):
            urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
            return True
        return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path / "server")
    made.start()
    yield made
    made.kill()


def recorded(job: TrainingJob, tracking: Tracking, suite: config.Suite, bundle: Path, event: Any) -> Any:
    """Train and record as the job does; `event` comes with each epoch. Epochs done before, and the model."""
    with tracking.run("train", suite, {}) as tracked:
        result = small_training.train(job, lambda told: event() if told["event"] == "epoch" else None)
        tracking.wait()
        tracked.log_epochs(result.history)
        return result.resumed_after, tracked.log_model(EXTRACTOR, bundle, job.fingerprint)


def test_a_lost_tracking_server_costs_no_training(tmp_path, server):
    """It is killed during training, and comes back too late, and in time."""
    bundle = tiny_extractor.saved(tmp_path / "bundle")
    settings = config.Tracking(model_name="small", uri=server.uri, timeout_s=20, patience_s=2)
    suite = config.Suite(fields=tiny_extractor.FIELDS, tracking=settings)
    changes = {"launcher": "inprocess", "processes": 1, "rows": 400, "epochs": 2}
    job = small_training.training_job(tmp_path, **changes)
    with pytest.raises(JobError, match=r"was lost while the job ran .*records it without training again"):
        recorded(job, open_tracking(settings, str(tmp_path)), suite, bundle, server.kill)
    server.start()
    tracking = open_tracking(settings.model_copy(update={"patience_s": WITHIN_S}), str(tmp_path))
    epochs, model = recorded(job, tracking, suite, bundle, lambda: None)
    assert (epochs, tracking.find_model(job.fingerprint)) == (2, model)

    other = small_training.training_job(tmp_path, checkpoints=tmp_path / "other", **changes | {"epochs": 1})
    back = threading.Timer(3, server.start)

    def lose() -> None:
        server.kill()
        back.start()

    epochs, model = recorded(other, tracking, suite, bundle, lose)
    back.join()
    assert (epochs, tracking.find_model(other.fingerprint)) == (0, model)

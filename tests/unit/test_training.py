"""What training keeps and shows, without training."""

import contextlib
import logging
import re
import socket
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from invoicelake import config
from invoicelake.config import SettingsError
from invoicelake.tables import PinnedTable
from invoicelake.training.checkpoints import Checkpoints, Standing, read_weights
from invoicelake.training.extractor_task import ExtractorTask
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.launchers.rank_output import MARK, RankOutput
from invoicelake.training.launchers.rank_places import interface_to_others, place, require_own_name
from invoicelake.training.launchers.rank_server import RankServer, served
from invoicelake.training.launchers.rank_task import event_line
from invoicelake.training.launchers.spark_failure import cause_of, is_loss
from invoicelake.training.launchers.watch import Watch
from invoicelake.training.progress import Progress
from invoicelake.training.task import Criterion
from invoicelake.training.trainer import learning_rate

PRINT = "a" * 64


def table(files=("/lake/a.parquet",), version=3):
    return PinnedTable("gold.extractor_example", "/lake", version, files, (8,) * len(files))


TASK = ExtractorTask(config.Model(), config.Encoding(), (config.Field(name="total", kind="amount"),), 10, "e")


def job(training=None, **changes):
    facts = {
        "task": TASK,
        "train": table(),
        "validation": table(("/lake/b.parquet",)),
        "training": training or config.Training(),
        "seed": 0,
        "checkpoints": "/tmp/checkpoints",
    }
    return TrainingJob(**facts | changes)


def standing(epoch, best_epoch=1):
    return Standing(
        epoch=epoch,
        weights=[np.full((2, 3), epoch, np.float32), np.zeros(4, np.float32)],
        optimizer=[np.array(epoch, np.int64)],
        best=[np.full((2, 3), best_epoch, np.float32), np.zeros(4, np.float32)],
        best_epoch=best_epoch,
        best_score=0.5,
        history=tuple({"loss": 1.0 / (number + 1)} for number in range(epoch)),
    )


def test_checkpoint_comes_back_as_it_was(tmp_path):
    Checkpoints(tmp_path, PRINT).save(standing(2))
    found = Checkpoints(tmp_path, PRINT).latest()
    expected = standing(2)
    assert (found.epoch, found.best_epoch, found.best_score) == (2, 1, 0.5)
    assert found.history == expected.history
    for group in ("weights", "optimizer", "best"):
        for value, other in zip(getattr(found, group), getattr(expected, group), strict=True):
            assert value.dtype == other.dtype
            np.testing.assert_array_equal(value, other)


def test_newest_checkpoints_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, PRINT)
    for epoch in (1, 2, 3):
        checkpoints.save(standing(epoch))
    assert sorted(file.name for file in tmp_path.rglob("*.*")) == [
        "epoch-0002-step-00000000.npz",
        "epoch-0003-step-00000000.npz",
    ]


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"x" * 99]
)
def test_damaged_checkpoint_is_passed_over(tmp_path, damage):
    checkpoints = Checkpoints(tmp_path, PRINT)
    checkpoints.save(standing(1))
    checkpoints.save(standing(2))
    (newest,) = tmp_path.rglob("epoch-0002-*.npz")
    newest.write_bytes(damage(newest.read_bytes()))
    assert checkpoints.latest().epoch == 1


def test_checkpoints_of_another_job_are_not_used(tmp_path):
    Checkpoints(tmp_path, PRINT).save(standing(1))
    assert Checkpoints(tmp_path, "b" * 64).latest() is None
    # Folders are named by the beginning of the fingerprint only.
    assert Checkpoints(tmp_path, PRINT[:16] + "b" * 48).latest() is None


def test_best_weights_in_keras_order(tmp_path):
    file = Checkpoints(tmp_path, PRINT).write_best(standing(4, best_epoch=3))
    assert [value.shape for value in read_weights(file)] == [(2, 3), (4,)]
    assert (read_weights(file)[0] == 3).all()


def test_remove_leaves_nothing(tmp_path):
    checkpoints = Checkpoints(tmp_path, PRINT)
    checkpoints.write_best(standing(1))
    checkpoints.save(standing(1))
    checkpoints.remove()
    assert not list(tmp_path.iterdir())


# what changes                               the outcome changes
CHANGES = [
    ({"seed": 1}, True),
    ({"task": replace(TASK, model=config.Model(width=64))}, True),
    ({"training": config.Training(processes=4)}, True),
    ({"train": table(("/lake/c.parquet",))}, True),
    ({"train": table(version=4)}, False),
    ({"task": replace(TASK, encoder_id="f")}, True),
    ({"checkpoints": "/elsewhere"}, False),
    ({"training": config.Training(start_timeout_s=5)}, False),
    ({"training": config.Training(elephas_unencrypted=True)}, False),
]


@pytest.mark.parametrize(("changes", "differs"), CHANGES)
def test_fingerprint_changes_with_what_decides_the_outcome(changes, differs):
    assert (job(**changes).fingerprint != job().fingerprint) is differs


ERROR, F1 = Criterion("error", is_higher_better=False), Criterion("f1", is_higher_better=True)
# criterion  metrics of the epoch                    score
SCORES = [
    (F1, {"loss": 3, "f1": 0.1, "val_f1": 0.7}, 0.7),
    (ERROR, {"loss": 3, "val_error": 2.5}, -2.5),
    (ERROR, {"loss": 3, "error": 1}, -3),
]


@pytest.mark.parametrize(("criterion", "metrics", "score"), SCORES)
def test_score_of_an_epoch_is_higher_the_better(criterion, metrics, score):
    assert criterion.score(metrics) == score


def test_learning_rate_rises_then_falls_to_nothing():
    training = config.Training(epochs=10, learning_rate=0.5)
    rates = [learning_rate(job(training), step, steps=20) for step in range(200)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.5)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < peak <= 20
    assert rates[-1] < 0.001


def test_learning_rate_of_a_single_step():
    assert learning_rate(job(config.Training(epochs=1, learning_rate=0.5)), 0, steps=1) == pytest.approx(0.5)


def test_inprocess_launcher_is_one_rank():
    ranks = launcher(config.Training(launcher="inprocess", processes=1)).train(
        lambda rank: (rank.index, rank.size), 1
    )
    assert ranks == [(0, 1)]


def test_inprocess_launcher_refuses_more_ranks():
    with pytest.raises(SettingsError, match=r"training\.processes is 2"):
        launcher(config.Training(launcher="inprocess", processes=1)).train(lambda rank: None, 2)


def heard(*lines):
    events = []
    taken = RankOutput(events.append, Watch(2, 40))
    for line in lines:
        taken.write(line)
    return taken, events


def test_events_are_told_from_what_else_ranks_write():
    _, events = heard(f'tail of a bar{MARK}{{"event": "step", "step": 1}}\n', "noise\n")
    assert events == [{"event": "step", "step": 1}]


def failed(rank, cause):
    return event_line({"event": "failed", "rank": rank, "cause": cause, "trace": "in line 3"})


def ended(rank, code):
    return event_line({"event": "ended", "rank": rank, "code": code})


BEREFT = failed(0, "HorovodInternalError: gone")
# what ranks wrote                                                  what the user is told
FAILURES = [
    ([BEREFT, failed(1, "ValueError: bad"), ended(1, 1)], "rank 1 failed: ValueError: bad"),
    ([BEREFT, ended(1, -9)], "rank 1 ended without a word: killed (SIGKILL), or out of memory"),
    (
        [failed(0, "UnknownError: Horovod has been shut down"), ended(0, 1), ended(1, 3)],
        "rank 1 ended without a word, with exit code 3",
    ),
    (
        [failed(0, "UnknownError: [/gloo/transport/tcp/pair.cc:589] Connection reset"), ended(0, 1)],
        "rank 1 was lost: its executor, or the machine that it was on, is gone",
    ),
    ([BEREFT, ended(0, 1)], "rank 1 was lost: its executor, or the machine that it was on, is gone"),
    ([ended(0, 0), ended(1, 0)], "training stopped: Exit code: 1"),
]


@pytest.mark.parametrize(("lines", "told"), FAILURES)
def test_cause_of_a_failure_is_found(lines, told):
    taken, _ = heard("last words\n", *lines)
    taken.gone(1)
    failure = taken.failure(RuntimeError("Exit code: 1\n"))
    assert str(failure) == told
    assert failure.is_passing is bool(re.search("ended|lost", told))
    assert "last words" in failure.details


# rank, machines of the ranks    rank and size: on its machine   across machines
PLACES = [
    (0, ["a"], (0, 1), (0, 1)),
    (1, ["a", "a"], (1, 2), (0, 1)),
    (1, ["a", "b"], (0, 1), (1, 2)),
    (3, ["b", "a", "a", "b"], (1, 2), (1, 2)),
    (2, ["a", "b", "b"], (1, 2), (0, 1)),
]


@pytest.mark.parametrize(("rank", "hosts", "local", "cross"), PLACES)
def test_place_of_a_rank(rank, hosts, local, cross):
    found = place(rank, hosts)
    assert (int(found["HOROVOD_RANK"]), int(found["HOROVOD_SIZE"])) == (rank, len(hosts))
    assert (int(found["HOROVOD_LOCAL_RANK"]), int(found["HOROVOD_LOCAL_SIZE"])) == local
    assert (int(found["HOROVOD_CROSS_RANK"]), int(found["HOROVOD_CROSS_SIZE"])) == cross
    same = [
        place(other, hosts)["HOROVOD_HOSTNAME"] == found["HOROVOD_HOSTNAME"] for other in range(len(hosts))
    ]
    assert same == [host == hosts[rank] for host in hosts]


def test_ranks_of_one_machine_meet_on_loopback():
    addresses = {entry.address for entry in psutil.net_if_addrs()[interface_to_others(0, ["here", "here"])]}
    assert "127.0.0.1" in addresses


@pytest.mark.parametrize(
    ("hosts", "address", "told"),
    [
        (["a", "b"], "10.0.0.5", ""),
        (["a", "b"], "127.0.1.1", "takes its own name .* for 127.0.1.1, .* write the line 'b "),
        (["a", "b"], None, "takes its own name .* for nothing, "),
        (["b", "b"], "127.0.1.1", ""),
    ],
)
def test_machine_that_takes_itself_for_loopback_is_told(monkeypatch, hosts, address, told):
    def known(*_, **__):
        if address is None:
            raise socket.gaierror
        return [(None, None, 0, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", known)
    with pytest.raises(OSError, match=told) if told else contextlib.nullcontext():
        require_own_name(1, hosts)


def greeted(server, hello):
    """Say `hello` and all that follows it, as a rank, and wait to be hung up on."""
    with socket.create_connection(("127.0.0.1", server.port), 5) as rank:
        rank.sendall(hello.encode())
        rank.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            rank.recv(1)


def test_only_ranks_of_the_job_are_heard():
    lines, gone = [], []
    server = RankServer("127.0.0.1", lines.append, gone.append)
    with served(server):
        for hello in ("", "guess 0\na\n", f"{server.token} x\nb\n", f"{server.token} 1\nc\nd"):
            greeted(server, hello)
        greeted(server, f"{server.token} 1\nagain\n")
        server.hang_up()
        greeted(server, f"{server.token} 0\nlate\n")
    assert (lines, gone) == (["c\n", "d"], [1])


JAVA = """org.apache.spark.SparkException: Job aborted due to stage failure: task 1 failed
PythonException: Traceback (most recent call last):
  File "/a/worker.py", line 7, in main
ConnectionError: rank 1 at b does not reach the driver

\tat org.apache.spark.api.python"""


# what failed with                        its cause
CAUSES = [
    (RuntimeError("Exit code: 1\n"), "Exit code: 1"),
    (RuntimeError("cancelled\n\tat java.lang"), "cancelled"),
    (SimpleNamespace(java_exception=JAVA), "ConnectionError: rank 1 at b does not reach the driver"),
    (SimpleNamespace(java_exception="Job was cancelled\n\tat java.lang"), "Job was cancelled"),
]


KILLED = """org.apache.spark.SparkException: Job aborted due to stage failure: Could not recover from a failed
barrier ResultStage. Most recent failure reason: barrier task ResultTask(0, 1) finished unsuccessfully.
ExecutorLostFailure (executor 0 exited caused by one of the running tasks) Reason: exited with code 137"""
CRASHED = "org.apache.spark.SparkException: task 1 failed: Python worker exited unexpectedly (crashed)"
# what Spark failed with before a rank was heard of       it need not come again
LOSSES = [
    (SimpleNamespace(java_exception=KILLED), True),
    (SimpleNamespace(java_exception=CRASHED), True),
    (SimpleNamespace(java_exception=JAVA), False),
    (RuntimeError("Exit code: 1"), False),
    (None, False),
]


@pytest.mark.parametrize(("error", "is_passing"), LOSSES)
def test_a_rank_lost_before_it_was_heard_of_need_not_be_so_again(error, is_passing):
    failure = heard()[0].failure(error)
    assert failure.is_passing is is_loss(error) is is_passing
    assert str(failure).startswith("a rank was lost before it" if is_passing else "training stopped: ")
    assert str(error) in failure.details


def test_a_task_that_cannot_start_its_rank_is_told_and_not_the_ranks_that_were_ended_for_it():
    failure = heard(ended(0, -9))[0].failure(SimpleNamespace(java_exception=JAVA))
    assert str(failure) == "training stopped: ConnectionError: rank 1 at b does not reach the driver"
    assert not failure.is_passing


@pytest.mark.parametrize(("error", "cause"), CAUSES)
def test_failure_of_a_spark_job_is_told_in_a_line(error, cause):
    assert cause_of(error) == cause


def test_progress_without_terminal_is_a_line_an_epoch(caplog):
    caplog.set_level(logging.INFO)
    with Progress() as progress:
        progress({"event": "step", "epoch": 0, "step": 3, "steps": 9})
        progress({"event": "epoch", "epoch": 1, "epochs": 5, "metrics": {"loss": 0.25}})
    assert [record.getMessage() for record in caplog.records] == ["epoch 1 of 5: loss 0.25"]

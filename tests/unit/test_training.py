"""What training keeps and shows, without training."""

import logging

import numpy as np
import pytest

from invoicelake import config
from invoicelake.config import SettingsError
from invoicelake.tables import PinnedTable
from invoicelake.training.checkpoints import Checkpoints, Standing, read_weights
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.launchers.rank_output import MARK, RankOutput
from invoicelake.training.progress import Progress
from invoicelake.training.trainer import learning_rate

PRINT = "a" * 64


def table(files=("/lake/a.parquet",), version=3):
    return PinnedTable("gold.extractor_example", "/lake", version, files, (8,) * len(files))


def job(training=None, **changes):
    facts = {
        "train": table(),
        "validation": table(("/lake/b.parquet",)),
        "model": config.Model(),
        "encoding": config.Encoding(),
        "fields": (config.Field(name="total", kind="amount"),),
        "vocabulary_size": 10,
        "encoder_id": "e",
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
    assert sorted(file.name for file in tmp_path.rglob("*.*")) == ["epoch-0002.npz", "epoch-0003.npz"]


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"x" * 99]
)
def test_damaged_checkpoint_is_passed_over(tmp_path, damage):
    checkpoints = Checkpoints(tmp_path, PRINT)
    checkpoints.save(standing(1))
    checkpoints.save(standing(2))
    (newest,) = tmp_path.rglob("epoch-0002.npz")
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
    ({"model": config.Model(width=64)}, True),
    ({"training": config.Training(processes=4)}, True),
    ({"train": table(("/lake/c.parquet",))}, True),
    ({"train": table(version=4)}, False),
    ({"encoder_id": "f"}, True),
    ({"checkpoints": "/elsewhere"}, False),
    ({"training": config.Training(start_timeout_s=5)}, False),
]


@pytest.mark.parametrize(("changes", "differs"), CHANGES)
def test_fingerprint_changes_with_what_decides_the_outcome(changes, differs):
    assert (job(**changes).fingerprint != job().fingerprint) is differs


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


def output(*chunks):
    events = []
    taken = RankOutput(events.append, on_failure=lambda: None)
    for chunk in chunks:
        taken.write(chunk)
    return taken, events


def test_events_are_told_from_what_else_ranks_write():
    _, events = output(f'[0]<stdout>:{MARK}{{"event": "st', 'ep", "step": 1}\n[0]<stderr>:noise\n')
    assert events == [{"event": "step", "step": 1}]


FAILED = '[1]<stdout>:{mark}{{"event": "failed", "rank": {rank}, "cause": "{cause}", "trace": "in line 3"}}\n'
# what ranks wrote                                                  what the user is told
FAILURES = [
    ([(0, "HorovodInternalError: gone"), (1, "ValueError: bad")], "rank 1 failed: ValueError: bad"),
    (
        [(0, "UnknownError: Horovod has been shut down")],
        "a rank ended without a word: killed, or out of memory",
    ),
    ([(0, "HorovodInternalError: gone")], "a rank ended without a word: killed, or out of memory"),
    ([], "training stopped: Exit code: 1"),
]


@pytest.mark.parametrize(("failed", "told"), FAILURES)
def test_cause_of_a_failure_is_found(failed, told):
    lines = [FAILED.format(mark=MARK, rank=rank, cause=cause) for rank, cause in failed]
    taken, _ = output("[1]<stderr>:last words\n", *lines)
    failure = taken.failure(RuntimeError("Exit code: 1\n"))
    assert str(failure) == told
    assert "last words" in failure.details


def test_progress_without_terminal_is_a_line_an_epoch(caplog):
    caplog.set_level(logging.INFO)
    with Progress() as progress:
        progress({"event": "step", "epoch": 0, "step": 3, "steps": 9})
        progress({"event": "epoch", "epoch": 1, "epochs": 5, "metrics": {"loss": 0.25}})
    assert [record.getMessage() for record in caplog.records] == ["epoch 1 of 5: loss 0.25"]

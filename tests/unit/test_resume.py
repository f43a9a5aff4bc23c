"""Training that is broken off in the midst of an epoch and goes on, in this process."""

from dataclasses import replace

import numpy as np
import pytest

import small_training
from invoicelake.training import keeper
from invoicelake.training.checkpoints import Checkpoints, Part, read_weights
from invoicelake.training.loop import _compiled_model as compiled_model
from invoicelake.training.ranks import Rank
from small_training import MEASURED

CHANGES = {"launcher": "inprocess", "processes": 1, "rows": 160, "checkpoint_every_s": 1e-3, "epochs": 2}


def job(folder, checkpoints):
    return small_training.training_job(folder, checkpoints=folder / checkpoints, **CHANGES)


@pytest.fixture(autouse=True)
def _at_each_step(monkeypatch):
    """Checkpoints may take all of the time."""
    monkeypatch.setattr(keeper, "_COST_SHARE", 1e6)


class Stop(Exception):
    """What breaks training off."""


def broken_off_at(job, epoch, step):
    def stop(event):
        if event["event"] == "checkpoint" and event["epoch"] == epoch and event["step"] >= step:
            raise Stop

    with pytest.raises(Stop):
        small_training.train(job, stop)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return small_training.train(job(tmp_path_factory.mktemp("whole"), "whole"))


def test_what_comes_out_is_the_same_to_the_last_bit(tmp_path, undisturbed):
    broken_off_at(job(tmp_path, "broken"), epoch=1, step=12)
    seen = []
    found = small_training.train(job(tmp_path, "broken"), seen.append)
    resumed = next(event for event in seen if event["event"] == "resumed")
    assert (resumed["epoch"], resumed["step"] >= 12) == (1, True)
    assert len(found.history) == 2
    for entry, other in zip(found.history, undisturbed.history, strict=True):
        assert [entry[name] for name in MEASURED] == [other[name] for name in MEASURED]
    for value, other in zip(
        read_weights(found.weights_file), read_weights(undisturbed.weights_file), strict=True
    ):
        np.testing.assert_array_equal(value, other)


def test_metrics_of_an_epoch_are_of_all_its_rows_also_from_other_ranks(tmp_path, undisturbed):
    """What one rank had come to counts as if it were the sum of three."""
    given = job(tmp_path, "broken")
    broken_off_at(given, 1, 12)
    checkpoints = Checkpoints(given.checkpoints, given.fingerprint)
    standing = checkpoints.latest()
    (sums,) = standing.part.sums
    part = Part(standing.part.done, np.stack([sums / 2, sums / 4, sums / 4]), standing.part.seconds)
    checkpoints.save(replace(standing, part=part))
    found = small_training.train(given).history[-1]
    assert [found[name] for name in MEASURED] == pytest.approx(
        [undisturbed.history[-1][name] for name in MEASURED], rel=1e-6
    )


class Beside(Rank):
    """A rank beside another one, which waited for data for some share of the time."""

    def __init__(self, waited):
        super().__init__()
        self.waited = waited

    def gathered(self, values):
        return np.stack([values, np.full_like(values, self.waited)])


@pytest.mark.parametrize(("waited", "is_the_most"), [(0.99, True), (0.0, False)])
def test_of_waiting_for_data_the_slowest_rank_counts(tmp_path, waited, is_the_most):
    given, rank = job(tmp_path, "none"), Beside(waited)
    found = rank.trainer(given, compiled_model(given, rank)).train_epoch(0)["wait_share"]
    assert (found == waited) is is_the_most
    assert 0 < found < 1


def test_of_waiting_for_data_the_slowest_worker_of_elephas_counts():
    from invoicelake.training.launchers.elephas_trainers import _combined as combined

    workers = [{"loss": 2.0, "examples_per_s": 5.0, "wait_share": share} for share in (0.01, 0.25)]
    assert combined(workers) == {"loss": 2.0, "examples_per_s": 10.0, "wait_share": 0.25}

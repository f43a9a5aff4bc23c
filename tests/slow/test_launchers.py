"""The same training under each launcher: in this process, on two Horovod ranks, with Elephas."""

import os
import signal
import sys
import time
from functools import partial

import cloudpickle
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from invoicelake import config
from invoicelake.config import SettingsError
from invoicelake.errors import JobError
from invoicelake.models.encoding import IGNORED, tensor_specs
from invoicelake.tables import PinnedTable
from invoicelake.training.checkpoints import read_weights
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.loop import train_rank
from invoicelake.training.ranks import RankFailed

pytestmark = [pytest.mark.slow, pytest.mark.spark]
# Ranks cannot import a test by its name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

ENCODING = config.Encoding(max_tokens=16, max_characters=4)
FIELDS = (config.Field(name="date", kind="date"), config.Field(name="total", kind="amount"))


def table(folder, split, rows, seed):
    """Documents in which the word 1 is a date and the word 2 a total."""
    random = np.random.default_rng(seed)
    used = np.arange(16) < random.integers(4, 17, rows)[:, None]
    words = random.integers(1, 6, (rows, 16)) * used
    labels = np.where(used, np.where(words <= 2, words, 0), IGNORED)
    given = {"words": words, "characters": np.repeat(words[..., None], 4, axis=2), "labels": labels}
    columns = {"example_id": [f"{split}-{row:03d}" for row in range(rows)]}
    for spec in tensor_specs(ENCODING):
        values = given.get(
            spec.name, np.ones((rows, *spec.shape)) * used.reshape(rows, 16, *[1] * len(spec.shape[1:]))
        )
        columns[spec.name] = [row.tobytes() for row in np.ascontiguousarray(values.astype(spec.dtype))]
    file = folder / f"{split}.parquet"
    pq.write_table(pa.table(columns), file, row_group_size=10)
    return PinnedTable("gold.extractor_example", str(folder), 5, (str(file),), (rows,))


@pytest.fixture
def job(tmp_path):
    def made(launcher, processes, **changes):
        given = {"epochs": 3, "batch_size": 8, "learning_rate": 0.02} | changes
        return TrainingJob(
            train=table(tmp_path, "train", 45, seed=1),
            validation=table(tmp_path, "validation", 11, seed=2),
            model=config.Model(width=16, depth=1, dropout=0.0),
            encoding=ENCODING,
            fields=FIELDS,
            vocabulary_size=10,
            encoder_id="words",
            training=config.Training(launcher=launcher, processes=processes, **given),
            seed=0,
            checkpoints=str(tmp_path / "check points"),
        )

    return made


def train(job, listener=None):
    return launcher(job.training, listener).train(partial(train_rank, job), job.training.processes)


def require_trained(result):
    assert [set(entry) for entry in result.history] == [
        {"loss", "token_f1", "val_loss", "val_token_f1", "seconds", "examples_per_s", "wait_share"}
    ] * len(result.history)
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert sum(value.size for value in read_weights(result.weights_file)) == result.parameters
    scores = [entry["val_token_f1"] for entry in result.history]
    assert (result.best_score, result.best_epoch) == (max(scores), scores.index(max(scores)) + 1)


def test_inprocess_learns(job):
    (result,) = train(job("inprocess", 1, epochs=8))
    require_trained(result)
    assert result.best_score > 0.9


def test_training_stops_when_it_no_longer_gets_better(job):
    (result,) = train(job("inprocess", 1, epochs=30, patience=2, learning_rate=1e-9))
    assert len(result.history) == 3


def test_interrupted_training_goes_on(job):
    """The same figures come out as without the interruption, but for the noise drawn in training."""

    def interrupt(event):
        if event["event"] == "epoch" and event["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(job("inprocess", 1), interrupt)
    seen = []
    (result,) = train(job("inprocess", 1), seen.append)
    assert result.resumed_after == 2
    assert [event["epoch"] for event in seen if event["event"] == "epoch"] == [3]
    require_trained(result)


def test_nothing_to_learn_from_is_told(job):
    empty = PinnedTable("gold.extractor_example", "/lake", 5, (), ())
    given = job("inprocess", 1)
    with pytest.raises(JobError, match="no training rows"):
        train_rank(TrainingJob(**{**vars(given), "train": empty}), None)


def test_horovod_ranks_train_together(spark, job, capfd):
    events = []
    first, second = train(job("horovod", 2), events.append)
    assert second is None
    require_trained(first)
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [1, 2, 3]
    assert capfd.readouterr().out == ""


def one_step(rank, path):
    """A step of gradient descent on this rank's half of eight rows, from weights that differ by rank."""
    import keras

    rows = np.arange(8.0)[rank.index :: rank.size, None]
    model = keras.Sequential(
        [keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(rank.index))]
    )
    model.build((None, 1))
    model.compile(rank.wrap(keras.optimizers.SGD(0.01)), "mse")
    model.optimizer.build(model.trainable_variables)
    rank.share_state(model)
    model.train_on_batch(rows, 3 * rows + 1)
    rank.report({"event": "done", "by": rank.index})
    (path / str(rank.index)).write_text(os.environ.get("TF_NUM_INTRAOP_THREADS", ""))
    return [value.ravel().tolist() for value in model.get_weights()], float(
        rank.total(np.array(rank.index + 1.0))
    )


def test_two_ranks_step_as_one_does(spark, tmp_path):
    function, events = partial(one_step, path=tmp_path), []
    ((alone, _),) = launcher(config.Training(launcher="inprocess", processes=1)).train(function, 1)
    together = launcher(config.Training(launcher="horovod"), events.append).train(function, 2)
    for weights, total in together:
        np.testing.assert_allclose(np.concatenate(weights), np.concatenate(alone), rtol=1e-5)
        assert total == 3
    assert events == [{"event": "done", "by": 0}]


def fail_on_second(rank):
    if rank.index == 1:
        raise ValueError("row 17 is no row")
    time.sleep(120)


def test_failing_rank_ends_the_job_with_its_cause(spark):
    began = time.monotonic()
    with pytest.raises(RankFailed, match="rank 1 failed: ValueError: row 17 is no row") as failed:
        launcher(config.Training(launcher="horovod")).train(fail_on_second, 2)
    assert "fail_on_second" in failed.value.details
    assert time.monotonic() - began < 90
    assert spark.range(3).count() == 3


def killed_on_second(rank):
    if rank.index == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    rank.total(np.array(1.0))


def test_killed_rank_ends_the_job(spark):
    with pytest.raises(RankFailed, match="a rank ended without a word: killed, or out of memory"):
        launcher(config.Training(launcher="horovod")).train(killed_on_second, 2)


@pytest.mark.parametrize("name", ["horovod", "elephas"])
def test_more_ranks_than_slots_is_told(spark, name):
    slots = spark.sparkContext.defaultParallelism
    with pytest.raises(SettingsError, match=f"training.processes={slots + 1}, but Spark runs only {slots}"):
        launcher(config.Training(launcher=name)).train(fail_on_second, slots + 1)


def test_elephas_averages_weights_of_epochs(spark, job, capfd):
    events = []
    (result,) = train(job("elephas", 2, epochs=2), events.append)
    require_trained(result)
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [1, 2]
    assert capfd.readouterr().out == ""

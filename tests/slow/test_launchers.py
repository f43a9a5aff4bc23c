"""The same training under each launcher: in this process, on two Horovod ranks, with Elephas."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial

import cloudpickle
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark import TaskContext, cloudpickle as pickle_of_spark

from delay_examples import columns, encoding
from invoicelake import config
from invoicelake.config import SettingsError
from invoicelake.errors import JobError
from invoicelake.models.delay_encoding import LABELS
from invoicelake.tables import PinnedTable
from invoicelake.training.checkpoints import read_weights
from invoicelake.training.delay_task import DelayTask
from invoicelake.training.epoch_plan import Done
from invoicelake.training.extractor_task import ExtractorTask
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.loop import _compiled_model as compiled_model, train_rank
from invoicelake.training.ranks import Rank, RankFailed
from small_training import ENCODING, FIELDS, table

pytestmark = [pytest.mark.slow, pytest.mark.spark]
# Neither ranks nor workers can import a test by its name.
for each in (cloudpickle, pickle_of_spark):
    each.register_pickle_by_value(sys.modules[__name__])

TASK = ExtractorTask(config.Model(width=16, depth=1, dropout=0.0), ENCODING, FIELDS, 10, "words")


@pytest.fixture
def job(tmp_path):
    def made(launcher, processes, **changes):
        given = {"epochs": 3, "batch_size": 8, "learning_rate": 0.02} | changes
        return TrainingJob(
            task=TASK,
            train=table(tmp_path, "train", 45, seed=1, group_rows=10),
            validation=table(tmp_path, "validation", 11, seed=2, group_rows=10),
            training=config.Training(launcher=launcher, processes=processes, **given),
            seed=0,
            checkpoints=str(tmp_path / "check points"),
        )

    return made


def train(job, listener=None):
    return launcher(job.training, listener).train(partial(train_rank, job), job.training.processes)


def require_trained(result):
    assert [set(entry) for entry in result.history] == [
        {"loss", "token_f1", "val_loss", "val_token_f1", "seconds"}
        | {"examples_per_s", "wait_share", "padding_share"}
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


@pytest.mark.parametrize(("done", "steps"), [([], 6), ([Done(1, 4)], 2), ([Done(2, 3), Done(1, 1)], 2)])
def test_broken_off_epoch_is_trained_to_its_end(job, done, steps):
    given, rank = job("inprocess", 1), Rank()
    model = compiled_model(given, rank)
    metrics = rank.trainer(given, model).train_epoch(0, done)
    assert int(model.optimizer.iterations) == steps
    assert np.isfinite(metrics["loss"])


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


def stepped(rank, is_dense):
    """Weights after a step of gradient descent on this rank's half of eight rows, from its own first ones."""
    import keras

    ids = np.arange(8)[rank.index :: rank.size, None]
    initial = keras.initializers.Constant(rank.index + 0.5)
    embedding = keras.layers.Embedding(3, 2, embeddings_initializer=initial)
    pooled = keras.layers.GlobalAveragePooling1D()
    model = keras.Sequential([embedding, pooled, keras.layers.Dense(1, kernel_initializer=initial)])
    model.build((None, 1))
    model.compile(rank.wrap(keras.optimizers.SGD(0.01), is_dense=is_dense), "mse")
    model.optimizer.build(model.trainable_variables)
    rank.share_state(model)
    model.train_on_batch(ids % 3, 3.0 * ids + 1)
    return np.concatenate([value.ravel() for value in model.get_weights()])


def one_step(rank):
    weights = [stepped(rank, is_dense) for is_dense in (False, True)]
    rank.report({"event": "done", "by": rank.index})
    return weights, float(rank.total(np.array(rank.index + 1.0)))


def test_two_ranks_step_as_one_does(spark):
    events = []
    ((alone, _),) = launcher(config.Training(launcher="inprocess", processes=1)).train(one_step, 1)
    together = launcher(config.Training(launcher="horovod"), events.append).train(one_step, 2)
    for weights, total in together:
        np.testing.assert_allclose(weights, alone, rtol=1e-5)
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
    with pytest.raises(RankFailed, match=r"rank 1.* ended without a word: killed \(SIGKILL\)"):
        launcher(config.Training(launcher="horovod", max_restarts=0)).train(killed_on_second, 2)


@pytest.mark.parametrize("name", ["horovod", "elephas"])
def test_more_ranks_than_slots_is_told(spark, name):
    slots = spark.sparkContext.defaultParallelism
    with pytest.raises(SettingsError, match=f"training.processes={slots + 1}, but Spark runs only {slots}"):
        launcher(config.Training(launcher=name)).train(fail_on_second, slots + 1)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("elephas", {}),
        ("elephas_asynchronous", {"elephas_update": "batch"}),
        ("elephas_hogwild", {"elephas_update": "epoch"}),
    ],
)
def test_elephas_workers_train_together(spark, job, capfd, name, changes):
    events, threads = [], threading.active_count()
    (result,) = train(job(name, 2, epochs=2, **changes), events.append)
    require_trained(result)
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == [1, 2]
    assert capfd.readouterr().out == ""
    assert threading.active_count() == threads


def delays(folder, split, rows):
    """Receivables that are settled the later, the longer their terms are."""
    arrays = encoding().encode(columns(rows))
    days = arrays["numbers"][:, :1] * 5
    arrays[LABELS.name] = np.concatenate([days, days > 0], axis=1).astype(LABELS.dtype)
    packed = {name: [row.tobytes() for row in values] for name, values in arrays.items()}
    file = folder / f"{split}.parquet"
    pq.write_table(pa.table({"invoice_number": [f"{row:04d}" for row in range(rows)], **packed}), file)
    return PinnedTable("gold.payment_delay_tensor", str(folder), 1, (str(file),), (rows,))


def test_elephas_workers_learn_payment_delay_together(spark, job, tmp_path):
    """Its rows have no tokens, and its model several inputs and layers of its own."""
    settings = config.DelayModel(width=16, dropout=0.0)
    given = replace(
        job("elephas", 2, epochs=2, batch_size=32),
        task=DelayTask(settings, encoding()),
        train=delays(tmp_path, "train", 300),
        validation=delays(tmp_path, "validation", 60),
    )
    (result,) = train(given)
    losses = [entry["val_loss"] for entry in result.history]
    assert len(losses) == 2
    assert losses[1] < losses[0]
    assert result.best_score == -losses[1]


class FailingTask(ExtractorTask):
    """A task whose second worker does not get far."""

    def compile(self, model, optimizer):
        super().compile(model, optimizer)
        worker = TaskContext.get()
        if worker is not None and worker.partitionId() == 1:
            if self.encoder_id == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("row 17 is no row")


@pytest.mark.parametrize(
    ("end", "cause"),
    [("raised", "ValueError: row 17 is no row"), ("killed", "it ended without a word: killed")],
)
def test_failing_elephas_worker_ends_the_job_with_its_cause(spark, job, end, cause):
    threads = threading.active_count()
    failing = replace(job("elephas_hogwild", 2), task=FailingTask(**{**vars(TASK), "encoder_id": end}))
    with pytest.raises(RankFailed, match=f"a worker failed: {cause}"):
        train(failing)
    assert threading.active_count() == threads
    assert spark.range(3).count() == 3


class HangingTask(ExtractorTask):
    """A task whose second worker waits in its first step for what never comes."""

    def compile(self, model, optimizer):
        super().compile(model, optimizer)
        worker = TaskContext.get()
        if worker is not None and worker.partitionId() == 1:
            model.train_step = lambda batch: time.sleep(300)


def test_hanging_elephas_worker_ends_the_job_and_is_told_by_place(spark, job):
    hanging = replace(job("elephas_hogwild", 2, stall_timeout_s=10), task=HangingTask(**vars(TASK)))
    began, threads = time.monotonic(), threading.active_count()
    with pytest.raises(RankFailed, match=r"training hung for 10 s: rank 1 .* it is at test_launchers.py:\d+"):
        train(hanging)
    assert time.monotonic() - began < 120
    assert threading.active_count() == threads
    assert spark.range(3).count() == 3

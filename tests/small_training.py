"""A training job of seconds, and a driver for it: `python small_training.py FOLDER MASTER ADDRESS`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from invoicelake import config
from invoicelake.models.encoding import IGNORED, tensor_specs
from invoicelake.tables import PinnedTable
from invoicelake.training.extractor_task import ExtractorTask
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.loop import train_rank

# Ranks cannot import it by its name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

ENCODING = config.Encoding(max_tokens=16, max_characters=4)
FIELDS = (config.Field(name="date", kind="date"), config.Field(name="total", kind="amount"))


class CountedTask(ExtractorTask):
    """The extractor's, with a metric that is the same in each epoch that has every row once."""

    def compile(self, model: Any, optimizer: Any) -> None:
        """Set the extractor's loss and metrics, and `rows_seen`."""
        import keras
        import tensorflow as tf

        from invoicelake.models.extractor import TokenF1, compile_extractor

        class RowsSeen(keras.metrics.Sum):
            def update_state(self, labels: Any, logits: Any, sample_weight: Any = None) -> Any:
                labels = tf.cast(labels[..., 0], tf.int32)
                places = tf.range(1, tf.shape(labels)[1] + 1)
                numbers = tf.where(labels == IGNORED, 0, (labels + 1) * places)
                return super().update_state(tf.cast(numbers, tf.float32))

        compile_extractor(model, optimizer)
        model.compile(
            optimizer=model.optimizer, loss=model.loss, metrics=[TokenF1(), RowsSeen(name="rows_seen")]
        )


def rows_seen(table: PinnedTable) -> int:
    """What that metric is when every row of a table was seen once; float32 holds it exactly."""
    labels = b"".join(pq.read_table(table.files[0], columns=["labels"])["labels"].to_pylist())
    numbers = np.frombuffer(labels, np.uint8).astype(int).reshape(-1, 16, 2)[..., 0]
    return int(np.where(numbers == IGNORED, 0, (numbers + 1) * np.arange(1, 17)).sum())


# With dropout: what is drawn after a restart must be what would have been drawn.
TASK = CountedTask(config.Model(width=16, depth=1, dropout=0.2), ENCODING, FIELDS, 10, "words")
MEASURED = ("loss", "token_f1", "val_loss", "val_token_f1", "rows_seen")
SETTINGS = {
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 0.01,
    "checkpoint_every_s": 0.5,
    # Its steps are short.
    "cycle_time_ms": 1.0,
    "deterministic": True,
}


def table(folder: Path, split: str, rows: int, seed: int, group_rows: int = 100) -> PinnedTable:
    """Documents in which the word 1 is a date and the word 2 a total."""
    random = np.random.default_rng(seed)
    used = np.arange(16) < random.integers(4, 17, rows)[:, None]
    words = random.integers(1, 6, (rows, 16)) * used
    labels = np.where(used, np.where(words <= 2, words, 0), IGNORED)
    labels = np.stack([labels, np.full_like(labels, IGNORED)], axis=-1)
    given = {"words": words, "characters": np.repeat(words[..., None], 4, axis=2), "labels": labels}
    columns = {"example_id": [f"{split}-{row:05d}" for row in range(rows)]}
    for spec in tensor_specs(ENCODING):
        filler = np.ones((rows, *spec.shape)) * used.reshape(rows, 16, *[1] * len(spec.shape[1:]))
        values = np.ascontiguousarray(given.get(spec.name, filler).astype(spec.dtype))
        columns[spec.name] = [row.tobytes() for row in values]
    file = folder / f"{split}.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file, row_group_size=group_rows)
    return PinnedTable("gold.extractor_example", str(folder), 5, (str(file),), (rows,))


def training_job(
    folder: Path, checkpoints: str | Path | None = None, rows: int = 1000, **changes: Any
) -> TrainingJob:
    """The job, with its table in the folder; two jobs of the same settings come to the same."""
    return TrainingJob(
        task=TASK,
        train=table(folder, "train", rows, seed=1),
        validation=table(folder, "validation", 40, seed=2),
        training=config.Training(**SETTINGS | changes),
        seed=0,
        checkpoints=str(checkpoints or folder / "checkpoints"),
    )


def train(job: TrainingJob, listener: Callable[[Any], None] | None = None) -> Any:
    """The chief's result."""
    results = launcher(job.training, listener).train(partial(train_rank, job), job.training.processes)
    return next(result for result in results if result is not None)


def require_same(found: Any, expected: Any) -> None:
    """Two histories hold the same metrics to 1e-6, epoch by epoch."""
    import pytest

    assert len(found) == len(expected)
    for entry, other in zip(found, expected, strict=True):
        for name in MEASURED:
            assert entry[name] == pytest.approx(other[name], rel=1e-6), name


def session(master: str, address: str) -> Any:
    """A Spark session whose executors find the project where this process does."""
    from pyspark.sql import SparkSession

    conf = {
        "spark.ui.enabled": "false",
        "spark.driver.host": address,
        "spark.driver.bindAddress": address,
        "spark.executorEnv.PYTHONPATH": os.environ["PYTHONPATH"],
        "spark.executor.memory": "1g",
        "spark.cores.max": "2",
        "spark.ui.showConsoleProgress": "false",
    }
    return SparkSession.builder.master(master).config(map=conf).getOrCreate()


def main(folder: str, master: str, address: str) -> None:
    """Train for each line of standard input, which holds the settings that differ, as JSON.

    Events and, at the end of each, its history go to standard output, a line of JSON each.
    """
    with session(master, address):
        for line in sys.stdin:
            result = train(training_job(Path(folder), **json.loads(line)), lambda event: _tell(**event))
            _tell(event="result", history=result.history)


def _tell(**facts: Any) -> None:
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    main(*sys.argv[1:])

"""A sharded embedding against one that each rank holds whole: memory of a rank, and time of a step.

Both train with Adam on the same ids, on 1 rank and on each more that there is a slot for, up to 3. The larger
the table is against a batch, the more the unsharded one loses: Keras' Adam updates every row at each step.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np

from invoicelake.training.launchers.horovod_spark import HorovodLauncher

if TYPE_CHECKING:
    from invoicelake.job import Run
    from invoicelake.training.ranks import Rank

# Ranks cannot import a benchmark by its name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
# Below the logger of the package, whose lines are shown.
log = logging.getLogger("invoicelake.benchmarks.sharded_embedding")

ROWS, WIDTH = 500_000, 64
BATCH, TOKENS = 256, 16
WARM_UP, STEPS = 3, 15
MAX_RANKS = 3


def measure(run: Run) -> dict[str, float | str]:
    """For each number of ranks, megabytes that a rank grew by and seconds of a step, both ways.

    `ratio` is the time of a step unsharded / sharded on the most ranks, `memory_ratio` what a rank grew by
    there over what it grew by alone.
    """
    found: dict[str, float | str] = {"rows": ROWS, "width": WIDTH}
    sizes = range(1, min(run.workers, MAX_RANKS) + 1)
    for size in sizes:
        for name, is_sharded in (("sharded", True), ("unsharded", False)):
            ranks = HorovodLauncher(run.suite.training).train(partial(_measured, is_sharded=is_sharded), size)
            megabytes, seconds = (max(values) for values in zip(*ranks, strict=True))
            log.info("%d ranks, %s: %.0f MB a rank, %.3f s a step", size, name, megabytes, seconds)
            found |= {f"{name}_mb_{size}": round(megabytes), f"{name}_step_s_{size}": round(seconds, 4)}
    last = sizes[-1]
    return found | {
        "memory_ratio": round(float(found[f"sharded_mb_{last}"]) / float(found["sharded_mb_1"]), 3),
        "ratio": round(float(found[f"unsharded_step_s_{last}"]) / float(found[f"sharded_step_s_{last}"]), 2),
    }


def _measured(rank: Rank, is_sharded: bool) -> tuple[float, float]:
    """Megabytes by which this rank's process grew with the table, and the median time of a step."""
    # What TensorFlow and Horovod take at first use is not the table's.
    _step_times(rank, 1000, is_sharded, steps=2)
    before = _resident_mb()
    times = _step_times(rank, ROWS, is_sharded, WARM_UP + STEPS)
    return _resident_mb("VmHWM") - before, statistics.median(times[WARM_UP:])


def _step_times(rank: Rank, rows: int, is_sharded: bool, steps: int) -> list[float]:
    import keras
    import tensorflow as tf

    from invoicelake.models.sharded import ShardedEmbedding, sharded_variables
    from invoicelake.training.sharded_optimizer import build_optimizer

    embedding = (
        ShardedEmbedding(rows, WIDTH, rank.exchange) if is_sharded else keras.layers.Embedding(rows, WIDTH)
    )
    ids = keras.Input((TOKENS,), dtype="int32")
    model = keras.Model(ids, keras.layers.Dense(1)(tf.reduce_mean(embedding(ids), axis=1)))
    model.compile(rank.wrap(keras.optimizers.Adam(), sharded_variables(model)), "mse")
    build_optimizer(model)
    rank.share_state(model)
    random = np.random.default_rng(rank.index)
    return [_timed(model, random.zipf(1.2, (BATCH, TOKENS)) % rows) for _ in range(steps)]


def _timed(model: Any, ids: Any) -> float:
    began = time.perf_counter()
    model.train_on_batch(ids, np.ones((BATCH, 1)))
    return time.perf_counter() - began


def _resident_mb(name: str = "VmRSS") -> float:
    """Memory of this process, or its peak, as Linux counts it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))

"""What ranks of `benchmark scaling` do: train epochs in several ways by turns, each rank on one core."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from invoicelake.training.feed import Feed, draw_of
from invoicelake.training.loop import _compiled_model
from invoicelake.training.ranks import Rank
from invoicelake.training.sources import open_rows

if TYPE_CHECKING:
    from invoicelake.training.job import TrainingJob

# Ranks cannot import a benchmark by its name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

CPU = "_cpu"
Epoch = Callable[[], None]
Times = dict[str, list[float]]
Ways = Mapping[str, Mapping[str, Any] | None]


def one_rank(rank: Rank, job: TrainingJob, repeats: int) -> Times:
    """Seconds of epochs of plain `model.fit` on arrays in memory, and of the whole path."""
    on_one_core(rank)
    return _by_turns({"plain": _plain(job), "path": _path(job, rank)}, rank, repeats)


def two_ranks(rank: Rank, alone: TrainingJob, together: TrainingJob, ways: Ways, repeats: int) -> Times:
    """Seconds of epochs of the first rank by itself, of both without exchange, and of both in each way.

    Args:
        rank: one of two.
        alone: a job for one rank.
        together: the same for two, on twice the rows.
        ways: arguments of Horovod's optimizer; None where ranks train as they do.
        repeats: epochs in each way.
    """
    on_one_core(rank)
    apart = _path(alone, Rank())
    epochs = {
        "alone": apart if rank.is_chief else _nothing,
        "apart": apart,
        **{
            name: _path(together, rank if given is None else _Wrapping(rank, given))
            for name, given in ways.items()
        },
    }
    return _by_turns(epochs, rank, repeats)


def on_one_core(rank: Rank) -> None:
    """Bind all threads of this process to a core of the rank's own, and give TensorFlow one thread."""
    import tensorflow as tf

    cores = sorted(os.sched_getaffinity(0))
    for thread in os.listdir("/proc/self/task"):
        # One may have ended since.
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread), {cores[rank.index % len(cores)]})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


class _Wrapping(Rank):
    """The rank, with arguments of its own for Horovod's optimizer."""

    def __init__(self, rank: Any, given: Mapping[str, Any]) -> None:
        super().__init__()
        self._whole, self._given = rank, given
        self.index, self.size = rank.index, rank.size

    def wrap(self, optimizer: Any, sharded: Any = (), is_dense: bool = False) -> Any:
        import horovod.tensorflow.keras as hvd

        given = dict(self._given)
        half = given.pop("half", False)
        compression = hvd.Compression.fp16 if half else hvd.Compression.none
        return hvd.DistributedOptimizer(optimizer, **{"compression": compression} | given)

    def share_state(self, model: Any) -> None:
        self._whole.share_state(model)

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        total: NDArray[Any] = self._whole.total(values)
        return total

    def agreed(self, value: float) -> float:
        return float(self._whole.agreed(value))


def _path(job: TrainingJob, rank: Rank) -> Epoch:
    model = _compiled_model(job, rank)
    rank.share_state(model)
    trainer = rank.trainer(job, model)
    return partial(_discard, partial(trainer.train_epoch, 0))


def _plain(job: TrainingJob) -> Epoch:
    model = _compiled_model(job, Rank())
    inputs, targets = _arrays(job)
    fit = partial(model.fit, inputs, targets, batch_size=job.training.batch_size, epochs=1, verbose=0)
    return partial(_discard, fit)


def _arrays(job: TrainingJob) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """All rows of a job, as `model.fit` takes them."""
    rows = open_rows(job.train, job.layout, job.training.feed_memory_mb)
    draw = draw_of(job.layout, job.training.batch_size, job.training.feed_memory_mb, None)
    batches = list(Feed(rows, job.layout, draw).epoch().batches())
    inputs = {name: np.concatenate([batch.inputs[name] for batch in batches]) for name in batches[0].inputs}
    return inputs, np.concatenate([batch.targets for batch in batches])


def _by_turns(epochs: Mapping[str, Epoch], rank: Rank, repeats: int) -> Times:
    """Seconds of each epoch, and of the processor's time, after one of each that does not count.

    All ranks begin together.
    """
    times: Times = {f"{name}{kind}": [] for name in epochs for kind in ("", CPU)}
    for repeat in range(repeats + 1):
        for name, epoch in epochs.items():
            rank.total(np.zeros(1))
            began, used = time.perf_counter(), time.process_time()
            epoch()
            if repeat:
                times[name].append(time.perf_counter() - began)
                times[f"{name}{CPU}"].append(time.process_time() - used)
                rank.report({"event": "measured", "way": name, "seconds": times[name][-1]})
    return times


def _nothing() -> None:
    """What a rank does while the other one is alone."""


def _discard(function: Callable[[], object]) -> None:
    function()

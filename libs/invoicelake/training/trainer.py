"""Epochs of one rank: compiled steps over a feed, and what they came to over all ranks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from invoicelake.training import feed

if TYPE_CHECKING:
    from invoicelake.training.job import TrainingJob
    from invoicelake.training.ranks import Rank

Metrics = dict[str, float]


class Trainer:
    """Trains and validates a compiled model on this rank's share of the rows.

    Args:
        job: what is trained on what.
        model: a compiled `keras.Model`.
        rank: this rank.
    """

    def __init__(self, job: TrainingJob, model: Any, rank: Rank) -> None:
        self._job, self._model, self._rank = job, model, rank
        self._feeds: dict[str, feed.Feed] = {}
        self._steps: dict[str, Callable[[Any], Any]] = {}

    def train_epoch(self, epoch: int) -> Metrics:
        """Go through the training rows once; `epoch` counts from 0.

        Returns:
            Metrics over all ranks, `examples_per_s` over all ranks, and `wait_share`, the share of this
            rank's time that went into waiting for data.
        """
        rows = self._feed("train")
        order = feed.shuffled(rows.rows, self._job.seed, epoch)
        clock = _Clock(rows.epoch(order))
        for number, batch in enumerate(clock):
            step = epoch * rows.steps + number
            self._model.optimizer.learning_rate.assign(learning_rate(self._job, step, rows.steps))
            self._step("train")(batch)
            self._rank.report_step(epoch, number + 1, rows.steps)
        counted = float(self._rank.total(np.array(float(rows.own_rows))))
        rates = {"examples_per_s": counted / clock.seconds, "wait_share": clock.wait_share}
        return self._totals(counted) | rates

    def validate(self) -> Metrics:
        """Metrics over all validation rows; none when there are no such rows."""
        rows = self._feed("validation")
        if not rows.rows:
            return {}
        for batch in rows.epoch():
            self._step("validation")(batch)
        return self._totals(float(self._rank.total(np.array(float(rows.own_rows)))))

    def _feed(self, split: str) -> feed.Feed:
        if split not in self._feeds:
            tensors = feed.read(getattr(self._job, split), self._job.layout)
            size = self._job.training.batch_size
            self._feeds[split] = feed.Feed(tensors, self._job.layout, size, self._rank.index, self._rank.size)
        return self._feeds[split]

    def _step(self, split: str) -> Callable[[Any], Any]:
        if split not in self._steps:
            import tensorflow as tf

            function = self._model.train_step if split == "train" else self._model.test_step
            self._steps[split] = tf.function(function, input_signature=[_signature(self._job.layout)])
        return self._steps[split]

    def _totals(self, rows: float) -> Metrics:
        """Results of the model's metrics over all ranks, whose variables are sums; then begins them anew."""
        metrics = self._model.metrics
        for metric in metrics:
            for variable in metric.variables:
                variable.assign(self._rank.total(variable.numpy()))
            if metric.name == "loss":
                # Keras counts the rows that only fill up a batch.
                metric.count.assign(rows)
        results = {metric.name: float(metric.result()) for metric in metrics}
        self._model.reset_metrics()
        return results


def learning_rate(job: TrainingJob, step: int, steps: int) -> float:
    """Rate of a step: up in a line for the first epoch or tenth of all, then down to 0 along a cosine.

    Args:
        job: names the peak rate and the number of epochs.
        step: from 0, over all epochs.
        steps: of one epoch.
    """
    whole = steps * job.training.epochs
    rising = max(min(steps, whole // 10), 1)
    if step < rising:
        return job.training.learning_rate * (step + 1) / rising
    done = (step - rising) / max(whole - rising, 1)
    return job.training.learning_rate * (1 + math.cos(math.pi * done)) / 2


def _signature(layout: feed.Layout) -> tuple[Any, ...]:
    """One signature for batches of any length, so that TensorFlow compiles a step once."""
    import tensorflow as tf

    shapes = {
        spec.name: tf.TensorSpec((None, None, *spec.shape[1:]), np.dtype(spec.dtype))
        for spec in layout.tensors
    }
    target = shapes.pop(layout.target)
    return shapes, target, tf.TensorSpec((None,), np.float32)


class _Clock:
    """Iterates, and measures the time until the end, and what of it went into waiting for items."""

    def __init__(self, items: Iterable[feed.Batch]) -> None:
        self._items = items
        self.seconds = self._waited = 0.0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        began = asked = time.perf_counter()
        for item in self._items:
            self._waited += time.perf_counter() - asked
            yield tuple(item)
            asked = time.perf_counter()
        self.seconds = max(time.perf_counter() - began, 1e-9)

    @property
    def wait_share(self) -> float:
        return self._waited / self.seconds

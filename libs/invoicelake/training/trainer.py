"""Epochs of one rank: compiled steps over a feed, and what they came to over all ranks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from invoicelake.training.epoch_plan import Done
from invoicelake.training.feed import Batch, Feed, draw_of
from invoicelake.training.layout import Layout
from invoicelake.training.noise import Noise
from invoicelake.training.sources import open_rows

if TYPE_CHECKING:
    from invoicelake.training.checkpoints import Array
    from invoicelake.training.job import TrainingJob
    from invoicelake.training.keeper import Keeper
    from invoicelake.training.ranks import Rank

Metrics = dict[str, float]


class Trainer:
    """Trains and validates a compiled model on this rank's share of the rows.

    Args:
        job: what is trained on what.
        model: a compiled `keras.Model`.
        rank: this rank.

    Attributes:
        keeper: told of each step, if there is one.
    """

    def __init__(self, job: TrainingJob, model: Any, rank: Rank) -> None:
        self._job, self._model, self._rank = job, model, rank
        self.keeper: Keeper | None = None
        self._is_restored = False
        self._feeds: dict[str, Feed] = {}
        self._steps: dict[str, Any] = {}

    def train_epoch(self, epoch: int, done: Sequence[Done] = ()) -> Metrics:
        """Go through the training rows once, or through those that are in none of the steps done.

        Args:
            epoch: from 0.
            done: what was done of the epoch before.

        Returns:
            Metrics over all ranks, `examples_per_s` over all ranks, `wait_share`, the share of time that went
            into waiting for data on the rank that waited longest, which the others wait for, and of this rank
            `padding_share`, the share of tokens that hold none.
        """
        steps = self.train_steps(epoch, done)
        try:
            while True:
                next(steps)
        except StopIteration as end:
            metrics: Metrics = end.value
            return metrics

    def train_steps(self, epoch: int, done: Sequence[Done] = ()) -> Generator[None, None, Metrics]:
        """Do as `train_epoch` does, and stop after each step; the generator returns the metrics."""
        share = self._feed("train").epoch(epoch, done)
        with closing(share.batches()) as batches:
            clock = _Clock(batches)
            for number, batch in enumerate(clock, share.first_step):
                step = epoch * share.whole_steps + min(number, share.whole_steps - 1)
                rate = learning_rate(self._job, step, share.whole_steps)
                self._model.optimizer.learning_rate.assign(rate)
                train_step = self._step("train")
                self._noise.set_step(epoch * share.whole_steps + number)
                train_step(batch)
                self._rank.report_step(epoch, number + 1, share.steps)
                if self.keeper is not None:
                    self.keeper.after_step(self._sums)
                yield
        counted = float(self._rank.total(np.array(float(share.own_rows))))
        summed = self._feed("train").rows if self._is_restored else counted
        return self._totals(float(summed)) | {
            "examples_per_s": counted / clock.seconds,
            "wait_share": float(self._rank.gathered(np.array([clock.wait_share])).max()),
            "padding_share": share.padding_share,
        }

    def restore(self, sums: Array) -> None:
        """Let the metrics of the next `train_epoch` count what was done before it; all ranks must call this.

        Args:
            sums: float64 `(ranks, values)`, what each rank's metrics had come to. When now there is another
                number of ranks, the chief takes all of it.
        """
        # Keras makes the metrics' variables when a step is traced.
        self._step("train").get_concrete_function()
        is_same = len(sums) == self._rank.size
        own = sums[self._rank.index] if is_same else sums.sum(axis=0) * self._rank.is_chief
        first = 0
        for variable in self._metric_variables():
            last = first + int(np.prod(variable.shape))
            variable.assign(own[first:last].reshape(variable.shape).astype(variable.dtype.as_numpy_dtype))
            first = last
        self._is_restored = True

    def validate(self) -> Metrics:
        """Metrics over all validation rows; none when there are no such rows."""
        if not sum(self._job.validation.rows):
            return {}
        share = self._feed("validation").epoch()
        with closing(share.batches()) as batches:
            for batch in batches:
                self._step("validation")(tuple(batch))
                self._rank.moved()
        return self._totals(float(self._rank.total(np.array(float(share.own_rows)))))

    def _feed(self, split: str) -> Feed:
        if split not in self._feeds:
            self._rank.is_preparing = True
            layout, training = self._job.layout, self._job.training
            rows = open_rows(getattr(self._job, split), layout, training.feed_memory_mb)
            seed = self._job.seed if split == "train" else None
            draw = draw_of(layout, training.batch_size, training.feed_memory_mb, seed)
            self._feeds[split] = Feed(rows, layout, draw, self._rank.index, self._rank.size)
        return self._feeds[split]

    def _step(self, split: str) -> Any:
        if split not in self._steps:
            self._rank.is_preparing = True
            import tensorflow as tf

            function = self._model.test_step
            if split == "train":
                self._noise = Noise(self._model, self._job.seed, self._rank.index)
                function = _with_noise(self._model, self._noise)
            self._steps[split] = tf.function(function, input_signature=[_signature(self._job.layout)])
        return self._steps[split]

    def _metric_variables(self) -> list[Any]:
        return [variable for metric in self._model.metrics for variable in metric.variables]

    def _sums(self) -> Array:
        """What the variables of this rank's metrics have come to, float64, one after the other."""
        return np.concatenate(
            [np.ravel(variable.numpy()) for variable in self._metric_variables()], dtype=np.float64
        )

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
        self._is_restored = False
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


def _with_noise(model: Any, noise: Noise) -> Callable[[Any], Any]:
    """A training step whose noise depends on which step it is, and not on the steps before."""

    def train_step(batch: Any) -> Any:
        noise.begin_step()
        return model.train_step(batch)

    return train_step


def _signature(layout: Layout) -> tuple[Any, ...]:
    """One signature for all batches, so that TensorFlow compiles a step once."""
    import tensorflow as tf

    shapes = {
        spec.name: tf.TensorSpec(layout.batch_shape(spec), np.dtype(spec.dtype)) for spec in layout.tensors
    }
    target = shapes.pop(layout.target)
    return shapes, target, tf.TensorSpec((None,), np.float32)


class _Clock:
    """Iterates, and measures the time until the end, and what of it went into waiting for items."""

    def __init__(self, items: Iterable[Batch]) -> None:
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

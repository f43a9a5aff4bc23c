"""The training function: what every rank runs, whoever launched it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from invoicelake.errors import JobError
from invoicelake.training.acceleration import accelerate, accelerated
from invoicelake.training.checkpoints import Checkpoints, Part, Standing
from invoicelake.training.devices import settle
from invoicelake.training.epoch_plan import Done
from invoicelake.training.job import TrainingJob
from invoicelake.training.keeper import Keeper
from invoicelake.training.noise import make_deterministic
from invoicelake.training.ranks import Rank
from invoicelake.training.trainer import Metrics

_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class TrainingResult:
    """What came out of training.

    Attributes:
        weights_file: the best epoch's weights, for `checkpoints.read_weights`.
        best_epoch: its number, from 1.
        best_score: its score by the task's criterion, the higher the better.
        history: metrics of each epoch: `loss`, the model's own, the same with `val_`, `seconds`,
            `examples_per_s`, `wait_share`, `padding_share`.
        resumed_after: epochs that an earlier run had done.
        parameters: numbers in the model.
        device: what the chief computed on.
    """

    weights_file: str
    best_epoch: int
    best_score: float
    history: tuple[Metrics, ...]
    resumed_after: int
    parameters: int
    device: str


def train_rank(job: TrainingJob, rank: Rank) -> TrainingResult | None:
    """Train until the epochs are over or the score no longer rises; the chief returns the result.

    Raises:
        JobError: there is nothing to learn from.
    """
    if not sum(job.train.rows):
        raise JobError(f"{job.train.name} version {job.train.version} has no training rows")
    if job.training.deterministic:
        make_deterministic()
    return _Course(job, rank).to_the_end()


class _Course:
    """A rank's way through the epochs, from where the last checkpoint stands.

    Args:
        job: what is trained on what.
        rank: this rank; the chief alone knows where training stands, and keeps it.
    """

    def __init__(self, job: TrainingJob, rank: Rank) -> None:
        self._job, self._rank = job, rank
        self._device = str(settle(job.training.device))
        rank.report({"event": "device", "device": self._device})
        self._model = _compiled_model(job, rank)
        self._is_sharded = _is_sharded(self._model)
        self._checkpoints = Checkpoints(job.checkpoints, job.fingerprint)
        self._standing = _standing(self._checkpoints, self._model) if rank.is_chief else None
        self._first = int(rank.agreed(self._standing.epoch if self._standing else 0))
        self._part = _shared_part(rank, self._standing.part if self._standing else Part())
        begins_at = {"epoch": self._first, "step": self._part.steps}
        rank.report({"event": "resumed", "ranks": rank.size, **begins_at})
        rank.share_state(self._model)
        self._load_shards()
        self._trainer = rank.trainer(job, self._model)
        self._keeper = self._trainer.keeper = Keeper(rank, job.training.checkpoint_every_s, self._keep)

    def _load_shards(self) -> None:
        """Take this rank's parts of sharded embeddings from the checkpoint, if there is one."""
        from invoicelake.training.shards import load_shards

        step = int(self._model.optimizer.iterations)
        if not step or not self._is_sharded:
            return
        if load_shards(self._checkpoints.shards, self._model, self._rank.exchange, step) is None:
            raise JobError(
                f"the rows of sharded embeddings of step {step} are not all in {self._checkpoints.shards}, "
                "which must be a folder that all ranks share; remove it to train from the beginning"
            )

    def _save(self, standing: Standing | None) -> None:
        """Keep a checkpoint; all ranks must call this."""
        # A large one takes its time on a slow disk, in which no rank makes a step.
        self._rank.is_preparing = True
        if self._is_sharded:
            from invoicelake.training.shards import save_shards

            save_shards(self._checkpoints.shards, self._model, self._rank.exchange)
        if standing is not None:
            self._checkpoints.save(standing)

    def to_the_end(self) -> TrainingResult | None:
        """Train until the epochs are over or the score no longer rises; the chief returns the result."""
        for epoch in range(self._first, self._job.training.epochs):
            if self._waited() >= self._job.training.patience:
                break
            self._advance(self._epoch(epoch))
        return self._result(self._standing) if self._standing else None

    def _waited(self) -> int:
        """Epochs since the best one."""
        standing = self._standing
        return int(self._rank.agreed(standing.epoch - standing.best_epoch if standing else 0))

    def _epoch(self, epoch: int) -> Metrics:
        part, self._part = self._part, Part()
        self._keeper.begin(part)
        if part.done:
            self._trainer.restore(part.sums)
        metrics = self._trainer.train_epoch(epoch, part.done)
        metrics |= {f"val_{name}": value for name, value in self._trainer.validate().items()}
        return metrics | {"seconds": self._keeper.seconds}

    def _advance(self, metrics: Metrics) -> None:
        if self._standing is not None:
            score = self._job.task.criterion.score(metrics)
            self._standing = _advanced(self._standing, self._model, metrics, score)
        self._save(self._standing)
        if self._standing is not None:
            self._rank.report(_epoch_event(self._job, self._standing))

    def _keep(self, part: Part) -> None:
        """Keep where training stands in the midst of an epoch."""
        now = self._standing
        if now is not None:
            state = {"weights": self._model.get_weights(), "optimizer": _optimizer_state(self._model)}
            now = replace(now, part=part, **state)
        self._save(now)
        if now is not None:
            self._rank.report({"event": "checkpoint", "epoch": now.epoch, "step": part.steps})

    def _result(self, standing: Standing) -> TrainingResult:
        return TrainingResult(
            weights_file=self._checkpoints.write_best(standing),
            best_epoch=standing.best_epoch,
            best_score=standing.best_score,
            history=tuple(dict(entry) for entry in standing.history),
            resumed_after=self._first,
            parameters=int(self._model.count_params()),
            device=self._device,
        )


def _compiled_model(job: TrainingJob, rank: Rank) -> Any:
    import keras
    import tensorflow as tf

    from invoicelake.models.sharded import sharded_variables
    from invoicelake.training.sharded_optimizer import build_optimizer

    keras.utils.set_random_seed(job.seed)
    with accelerated(job.training):
        model = job.task.build(rank.exchange)
        # Equal weights everywhere, yet each rank draws its own noise.
        tf.random.set_seed(job.seed + 1 + rank.index)
        optimizer = keras.optimizers.Adam(job.training.learning_rate, global_clipnorm=_MAX_GRADIENT_NORM)
        is_dense = job.training.sparse_as_dense
        job.task.compile(model, rank.wrap(optimizer, sharded_variables(model), is_dense))
    accelerate(model, job.training)
    build_optimizer(model)
    return model


def _is_sharded(model: Any) -> bool:
    from invoicelake.models.sharded import sharded_layers

    return bool(sharded_layers(model))


def _standing(checkpoints: Checkpoints, model: Any) -> Standing:
    """Where training stands: at its last checkpoint, whose state the model is given, or at its beginning."""
    from invoicelake.training.sharded_optimizer import replicated_variables

    standing = checkpoints.latest()
    if standing is None:
        weights = model.get_weights()
        return Standing(0, weights, [], best=weights, best_epoch=0, best_score=-math.inf, history=())
    # What is sharded has other rows at another number of ranks, and comes from files of its own.
    replicated = {variable.ref() for variable in replicated_variables(model)}
    variables, values = [*model.weights, *model.optimizer.variables], [*standing.weights, *standing.optimizer]
    for variable, value in zip(variables, values, strict=True):
        if variable.ref() in replicated:
            variable.assign(value)
    return standing


def _shared_part(rank: Rank, part: Part) -> Part:
    """The chief's part of an epoch."""
    done = rank.shared(np.array(part.done, np.float64).reshape(-1, 2))
    return Part(
        tuple(Done(int(ranks), int(steps)) for ranks, steps in done),
        rank.shared(part.sums),
        rank.agreed(part.seconds),
    )


def _advanced(before: Standing, model: Any, metrics: Metrics, score: float) -> Standing:
    """Where training stands after one more epoch of this score."""
    weights = model.get_weights()
    standing = replace(
        before,
        epoch=before.epoch + 1,
        weights=weights,
        optimizer=_optimizer_state(model),
        history=(*before.history, metrics),
        part=Part(),
    )
    if score > standing.best_score or standing.epoch == 1:
        return replace(standing, best=weights, best_epoch=standing.epoch, best_score=score)
    return standing


def _optimizer_state(model: Any) -> list[Any]:
    return [variable.numpy() for variable in model.optimizer.variables]


def _epoch_event(job: TrainingJob, standing: Standing) -> dict[str, Any]:
    metrics = dict(standing.history[-1])
    return {"event": "epoch", "epoch": standing.epoch, "epochs": job.training.epochs, "metrics": metrics}

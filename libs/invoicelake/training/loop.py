"""The training function: what every rank runs, whoever launched it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Any

from invoicelake.errors import JobError
from invoicelake.training.checkpoints import Checkpoints, Standing
from invoicelake.training.job import TrainingJob
from invoicelake.training.ranks import Rank
from invoicelake.training.trainer import Metrics, Trainer

log = logging.getLogger(__name__)

_MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class TrainingResult:
    """What came out of training.

    Attributes:
        weights_file: the best epoch's weights, for `checkpoints.read_weights`.
        best_epoch: its number, from 1.
        best_score: its validation score, or minus its loss where there were no validation rows.
        history: metrics of each epoch: `loss`, the model's own, the same with `val_`, `seconds`,
            `examples_per_s`, `wait_share`.
        resumed_after: epochs that an earlier run had done.
        parameters: numbers in the model.
    """

    weights_file: str
    best_epoch: int
    best_score: float
    history: tuple[Metrics, ...]
    resumed_after: int
    parameters: int


def train_rank(job: TrainingJob, rank: Rank) -> TrainingResult | None:
    """Train until the epochs are over or the validation score no longer rises; the chief returns the result.

    Raises:
        JobError: there is nothing to learn from.
    """
    if not sum(job.train.rows):
        raise JobError(f"{job.train.name} version {job.train.version} has no training rows")
    model = _compiled_model(job, rank)
    checkpoints = Checkpoints(job.checkpoints, job.fingerprint)
    standing = _resumed(checkpoints, model) if rank.is_chief else None
    first = int(rank.agreed(standing.epoch if standing else 0))
    rank.share_state(model)
    trainer = rank.trainer(job, model)
    waited = int(rank.agreed(standing.epoch - standing.best_epoch if standing else 0))
    for epoch in range(first, job.training.epochs):
        if waited >= job.training.patience:
            break
        metrics = _epoch(trainer, epoch)
        if rank.is_chief:
            standing = _advanced(standing, model, metrics)
            checkpoints.save(standing)
            rank.report(_epoch_event(job, standing))
        waited = int(rank.agreed(standing.epoch - standing.best_epoch if standing else 0))
    if standing is None:
        return None
    return TrainingResult(
        weights_file=checkpoints.write_best(standing),
        best_epoch=standing.best_epoch,
        best_score=standing.best_score,
        history=tuple(dict(entry) for entry in standing.history),
        resumed_after=first,
        parameters=int(model.count_params()),
    )


def _compiled_model(job: TrainingJob, rank: Rank) -> Any:
    import keras
    import tensorflow as tf

    from invoicelake.models.extractor import build, compile_extractor

    keras.utils.set_random_seed(job.seed)
    model = build(job.model, job.encoding, job.vocabulary_size, job.fields)
    # Equal weights everywhere, yet each rank draws its own noise.
    tf.random.set_seed(job.seed + 1 + rank.index)
    optimizer = keras.optimizers.Adam(job.training.learning_rate, global_clipnorm=_MAX_GRADIENT_NORM)
    compile_extractor(model, rank.wrap(optimizer))
    model.optimizer.build(model.trainable_variables)
    return model


def _resumed(checkpoints: Checkpoints, model: Any) -> Standing | None:
    standing = checkpoints.latest()
    if standing is not None:
        log.info("going on after epoch %d of an earlier run", standing.epoch)
        model.set_weights(standing.weights)
        for variable, value in zip(model.optimizer.variables, standing.optimizer, strict=True):
            variable.assign(value)
    return standing


def _epoch(trainer: Trainer, epoch: int) -> Metrics:
    began = time.perf_counter()
    metrics = trainer.train_epoch(epoch)
    metrics |= {f"val_{name}": value for name, value in trainer.validate().items()}
    return metrics | {"seconds": time.perf_counter() - began}


def _advanced(before: Standing | None, model: Any, metrics: Metrics) -> Standing:
    """Where training stands after one more epoch."""
    from invoicelake.models.extractor import VALIDATION_METRIC

    weights = model.get_weights()
    score = metrics.get(f"val_{VALIDATION_METRIC}", -metrics["loss"])
    standing = Standing(
        epoch=before.epoch + 1 if before else 1,
        weights=weights,
        optimizer=[variable.numpy() for variable in model.optimizer.variables],
        best=before.best if before else weights,
        best_epoch=before.best_epoch if before else 1,
        best_score=before.best_score if before else score,
        history=(*(before.history if before else ()), metrics),
    )
    if score > standing.best_score:
        return replace(standing, best=weights, best_epoch=standing.epoch, best_score=score)
    return standing


def _epoch_event(job: TrainingJob, standing: Standing) -> dict[str, Any]:
    metrics = dict(standing.history[-1])
    return {"event": "epoch", "epoch": standing.epoch, "epochs": job.training.epochs, "metrics": metrics}

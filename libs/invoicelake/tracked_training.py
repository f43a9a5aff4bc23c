"""A training job with its record: trained once, tracked, registered as challenger."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from invoicelake import config
from invoicelake.models.bundle import load_bundle
from invoicelake.models.transfer import initial_weights
from invoicelake.models.vocabulary import Vocabulary
from invoicelake.tracking import CHAMPION, Tracking, open_tracking
from invoicelake.tracking_run import RegisteredModel, Served, TrackedRun
from invoicelake.training.checkpoints import Array, Checkpoints, read_weights
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.loop import TrainingResult, train_rank
from invoicelake.training.progress import Progress

if TYPE_CHECKING:
    from invoicelake.job import Run
    from invoicelake.training.extractor_task import ExtractorTask

SaveBundle = Callable[[str, Sequence[Array]], None]


def begun_from(job: TrainingJob, suite: config.Suite, vocabulary: Vocabulary) -> TrainingJob:
    """The job of an extractor whose weights begin as those of the champion of `training.begin_from`.

    Args:
        job: with an `ExtractorTask`.
        suite: the settings of the job.
        vocabulary: of the job's rows.
    """
    settings = suite.tracking.model_copy(update={"model_name": suite.training.begin_from})
    tracking = open_tracking(settings, suite.lake.path)
    with tracking.bundle(tracking.champion()) as bundle:
        source = load_bundle(bundle)
    begun = initial_weights(source, suite, vocabulary, suite.seed)
    return replace(job, task=replace(cast("ExtractorTask", job.task), initial=begun))


def train_tracked(
    run: Run, tracking: Tracking, job: TrainingJob, served: Served, save: SaveBundle, tags: Mapping[str, str]
) -> None:
    """Train, track, register; nothing is trained when a registered version came from the same.

    Args:
        run: of the Spark job, whose metrics say what came out.
        tracking: of the kind of model.
        job: what to train, and how.
        served: how MLflow runs the model.
        save: writes the files of a model of these weights into a folder.
        tags: of the tracked run, beside the job's own.
    """
    if known := tracking.find_model(job.fingerprint):
        # It may have been registered by a run that was killed before it could name a challenger.
        if tracking.with_alias(CHAMPION) is None:
            tracking.challenge(known)
        run.metrics |= {"model_version": known.version, "trained_epochs": 0}
        return
    with tracking.run(run.job, run.suite, {**run.tags, **job.tags, **tags}) as tracked:
        tracked.log_input(job.train, "training")
        tracked.log_input(job.validation, "validation")
        with Progress() as progress:
            ranks = launcher(job.training, progress).train(partial(train_rank, job), job.training.processes)
        result = next(outcome for outcome in ranks if outcome is not None)
        tracking.wait()
        model = _registered(tracked, job, served, save, result)
        tracking.challenge(model)
    Checkpoints(job.checkpoints, job.fingerprint).remove()
    run.metrics |= {
        "model_version": model.version,
        "trained_epochs": len(result.history) - result.resumed_after,
        "best_epoch": result.best_epoch,
        "validation_score": result.best_score,
        "parameters": result.parameters,
    }


def _registered(
    tracked: TrackedRun, job: TrainingJob, served: Served, save: SaveBundle, result: TrainingResult
) -> RegisteredModel:
    """A new version of the registered model, whose run holds what came out."""
    tracked.tag({"hardware.device": result.device})
    tracked.log_epochs(result.history)
    tracked.log_metrics({"best_epoch": result.best_epoch, "best_score": result.best_score})
    with tempfile.TemporaryDirectory() as bundle:
        save(bundle, read_weights(result.weights_file))
        return tracked.log_model(served, bundle, job.fingerprint)

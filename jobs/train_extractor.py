"""Train the extractor on one version of gold.extractor_example, and register it as challenger.

Nothing is trained when a registered version came from the same rows, settings and code.
"""

import tempfile
from functools import partial

from invoicelake.job import Run, execute
from invoicelake.models.bundle import save_bundle
from invoicelake.tracking import CHAMPION, open_tracking
from invoicelake.training.checkpoints import Checkpoints, read_weights
from invoicelake.training.launchers import launcher
from invoicelake.training.loop import train_rank
from invoicelake.training.preparation import prepared_training
from invoicelake.training.progress import Progress


def main(run: Run) -> None:
    """Pin, train, track, register."""
    suite = run.suite
    tracking = open_tracking(suite.tracking, suite.lake.path)
    job, vocabulary = prepared_training(run.lake, suite)
    if known := tracking.find_model(job.fingerprint):
        # It may have been registered by a run that was killed before it could name a challenger.
        if tracking.with_alias(CHAMPION) is None:
            tracking.challenge(known)
        run.metrics |= {"model_version": known.version, "trained_epochs": 0}
        return
    with tracking.run(
        "train_extractor", suite, run.tags | job.tags | {"source": suite.input.format}
    ) as tracked:
        tracked.log_input(job.train, "training")
        tracked.log_input(job.validation, "validation")
        with Progress() as progress:
            ranks = launcher(suite.training, progress).train(
                partial(train_rank, job), suite.training.processes
            )
        result = next(outcome for outcome in ranks if outcome is not None)
        tracked.log_epochs(result.history)
        tracked.log_metrics({"best_epoch": result.best_epoch, "best_score": result.best_score})
        with tempfile.TemporaryDirectory() as bundle:
            weights = read_weights(result.weights_file)
            save_bundle(bundle, suite.model, suite.encoding, suite.fields, vocabulary, weights)
            model = tracked.log_model(bundle, job.fingerprint)
        tracking.challenge(model)
    Checkpoints(job.checkpoints, job.fingerprint).remove()
    run.metrics |= {
        "model_version": model.version,
        "trained_epochs": len(result.history) - result.resumed_after,
        "best_epoch": result.best_epoch,
        "validation_score": result.best_score,
        "parameters": result.parameters,
    }


if __name__ == "__main__":
    execute(__file__, main)

"""Train the extractor on one version of gold.extractor_example, and register it as challenger.

Nothing is trained when a registered version came from the same rows, settings and code. With
`training.begin_from` the weights begin as those of another registered model.
"""

from collections.abc import Sequence

from invoicelake.job import Run, execute
from invoicelake.models.bundle import save_bundle
from invoicelake.tracked_training import begun_from, train_tracked
from invoicelake.tracking import open_tracking
from invoicelake.tracking_models import EXTRACTOR
from invoicelake.training.checkpoints import Array
from invoicelake.training.extractor_preparation import prepared_training


def main(run: Run) -> None:
    """Pin, train, track, register."""
    suite = run.suite
    tracking = open_tracking(suite.tracking, suite.lake.path)
    job, vocabulary, known = prepared_training(run.lake, suite)
    if suite.training.begin_from:
        job = begun_from(job, suite, vocabulary)

    def save(folder: str, weights: Sequence[Array]) -> None:
        reads_items = suite.line_items.read
        save_bundle(
            folder, suite.model, suite.encoding, suite.fields, vocabulary, weights, known, reads_items
        )

    train_tracked(run, tracking, job, EXTRACTOR, save, {"source": suite.input.format})


if __name__ == "__main__":
    execute(__file__, main)

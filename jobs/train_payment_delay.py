"""Train the model of payment delay on one version of gold.payment_delay_tensor; register it as challenger.

Nothing is trained when a registered version came from the same rows, settings and code.
"""

from collections.abc import Sequence

from invoicelake.job import Run, execute
from invoicelake.models.delay_bundle import save_delay_bundle
from invoicelake.tracked_training import train_tracked
from invoicelake.tracking import open_tracking
from invoicelake.tracking_models import PAYMENT_DELAY
from invoicelake.training.checkpoints import Array
from invoicelake.training.delay_preparation import prepared_delay_training


def main(run: Run) -> None:
    """Pin, train, track, register."""
    suite = run.suite
    tracking = open_tracking(suite.delay_tracking, suite.lake.path)
    job, task, unseen_from = prepared_delay_training(run.lake, suite)

    def save(folder: str, weights: Sequence[Array]) -> None:
        save_delay_bundle(folder, task.model, task.encoding, unseen_from, weights)

    train_tracked(run, tracking, job, PAYMENT_DELAY, save, {"source": suite.receivables.source_name})


if __name__ == "__main__":
    execute(__file__, main)

"""Tell how late receivables will be settled: gold.payment_delay_example to gold.payment_delay_prediction.

The champion judges all receivables of the source by what was known on the day of each invoice.
"""

from invoicelake.job import Run, execute
from invoicelake.models.delay_bundle import load_delay_bundle
from invoicelake.serving.delay_batch import delay_predictions, judged
from invoicelake.tracking import open_tracking


def main(run: Run) -> None:
    """Judge all receivables of the source."""
    suite, own = run.suite, f"source = '{run.suite.receivables.source_name}'"
    tracking = open_tracking(suite.delay_tracking, suite.lake.path)
    champion = tracking.champion()
    examples = run.lake.read("gold.payment_delay_example").where(own)
    with tracking.bundle(champion) as bundle:
        judgements = judged(examples, bundle, run.workers)
        unseen_from = load_delay_bundle(bundle).unseen_from
        predictions = delay_predictions(examples, judgements, unseen_from, champion.name, champion.version)
        run.write("gold.payment_delay_prediction", predictions, replaces=own)
    run.metrics["model_version"] = champion.version


if __name__ == "__main__":
    execute(__file__, main)

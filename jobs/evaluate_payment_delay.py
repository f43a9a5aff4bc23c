"""Score the champion of payment delay, and a challenger if there is one, and write a report.

They judge receivables later than all they have seen; so do the median, boosted trees and logistic regression
learnt from the same rows. A challenger that is no worse than the champion becomes champion.
"""

from invoicelake.evaluation import delay_report
from invoicelake.evaluation.delay_baselines import compared, in_order, with_features
from invoicelake.job import Run, execute, kept
from invoicelake.promotion import delay_contest, delay_findings
from invoicelake.tracking import open_tracking


def main(run: Run) -> None:
    """Judge, choose, compare, report."""
    suite, own = run.suite, f"source = '{run.suite.receivables.source_name}'"
    tracking = open_tracking(suite.delay_tracking, suite.lake.path)
    examples = run.lake.read("gold.payment_delay_example").where(own)
    entries = [
        delay_contest.delay_entry(examples, tracking, model, run.workers) for model in tracking.contenders()
    ]
    champion = delay_contest.decide_delay(entries, tracking)
    ordered = in_order(examples, len(champion.rows["split"]))
    with kept(with_features(ordered, champion.predictor.encoding)) as features:
        others = delay_contest.collected(compared(features, suite.delay_model, suite.seed))
    scores = delay_findings.delay_scores(champion, others)
    run.write("gold.payment_delay_score", delay_findings.delay_score_rows(run.spark, champion, scores))
    page = delay_findings.delay_report_of(champion, scores, tracking)
    file = delay_report.write(page, delay_findings.delay_report_file(run.lake, champion))
    tracking.log_file(champion.model.run_id, file)
    run.metrics |= delay_findings.delay_metrics(scores) | {
        "model_version": champion.model.version,
        "report": str(file),
    }


if __name__ == "__main__":
    execute(__file__, main)

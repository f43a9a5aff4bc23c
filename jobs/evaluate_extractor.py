"""Score the champion, and a challenger if there is one, on the documents of the input, and write a report.

The documents are read from the input itself, labelled, with or without scans; the lake need not hold them.
A challenger that reads documents new to both better than the champion, beyond noise, becomes champion. Its
scores are calibrated on what it read in documents new to it (gold.calibration_example); trust.json keeps
that beside it.
"""

import tempfile

from invoicelake.evaluation import metrics, report
from invoicelake.job import Run, execute, kept
from invoicelake.promotion import contest, findings, held_out
from invoicelake.sources.catalogue import SOURCES
from invoicelake.tracking import open_tracking
from invoicelake.transforms.documents import parse_documents


def main(run: Run) -> None:
    """Receive, read, score, choose, report."""
    suite = run.suite
    tracking = open_tracking(suite.tracking, suite.lake.path)
    received = SOURCES[suite.input.format].receive(run.spark, suite)
    with kept(parse_documents(received.documents, suite.input.max_lines, suite.publish.currency)) as parsed:
        entries = [
            contest.entry(parsed, run.lake, tracking, model, suite.fields, run.workers)
            for model in tracking.contenders()
        ]
        outcome = contest.decide(entries, tracking, suite.seed)
        chosen = outcome.chosen
        run.write("gold.extractor_score", findings.score_rows(run.spark, chosen))
        run.metrics |= metrics.flattened(chosen.scores) | {"model_version": chosen.model.version}
        with tracking.bundle(chosen.model) as bundle:
            examples = held_out.calibration_examples(chosen, parsed, bundle, suite)
        record, outside = held_out.fitted_record(chosen, examples, suite.accept.comparison)
        page = findings.report_of(outcome, parsed, received, tracking, suite, outside)
    of_model = f"model_name = '{chosen.model.name}' AND model_version = {chosen.model.version}"
    run.write("gold.calibration_example", held_out.example_rows(run.spark, examples), of_model)
    run.metrics |= held_out.calibration_metrics(outside) | findings.contest_metrics(outcome)
    with tempfile.TemporaryDirectory() as folder:
        tracking.log_file(chosen.model.run_id, record.save(folder))
    file = report.write(page, findings.report_file(run.lake, chosen))
    tracking.log_file(chosen.model.run_id, file)
    run.metrics["report"] = str(file)


if __name__ == "__main__":
    execute(__file__, main)

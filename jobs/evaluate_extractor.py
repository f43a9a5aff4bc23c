"""Score the champion, and a challenger if there is one, on the documents of the input, and write a report.

The documents are read from the input itself, labelled, with or without scans; the lake need not hold them.
A challenger that reads documents new to it no worse than the champion becomes champion.
"""

from invoicelake.evaluation import metrics, report
from invoicelake.job import Run, execute, kept
from invoicelake.promotion import contest, findings
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
        chosen = contest.decide(entries, tracking)
        run.write("gold.extractor_score", findings.score_rows(run.spark, chosen))
        run.metrics |= metrics.flattened(chosen.scores) | {"model_version": chosen.model.version}
        page = findings.report_of(chosen, parsed, received, tracking, suite)
    file = report.write(page, findings.report_file(run.lake, chosen))
    tracking.log_file(chosen.model.run_id, file)
    run.metrics["report"] = str(file)


if __name__ == "__main__":
    execute(__file__, main)

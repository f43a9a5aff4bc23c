"""One HTML file that says how well payment delay is told, and what tells it better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from invoicelake.evaluation import charts
from invoicelake.evaluation.delay_metrics import DelayScore
from invoicelake.evaluation.pages import line_charts, rendered, write_page

NAMES = {
    "network": "wide and deep network",
    "constant": "always the median, and the share late",
    "trees": "gradient-boosted trees",
    "logistic_regression": "logistic regression",
}
# attribute, what it is, whether more is better
MEASURES = (
    ("mean_error_days", "error in days", False),
    ("auc", "AUC of being late", True),
    ("calibration_error", "calibration error", False),
)


@dataclass(frozen=True)
class DelayReport:
    """What the report shows.

    Attributes:
        title: heading, for example the name of the registered model.
        facts: of the run, in the order shown.
        scores: by split (`test`, and `validation` if there is one) and predictor.
        history: metric name to its value in each epoch, as of `evaluation.report.Report`.
        best_epoch: the epoch, from 1, whose weights were kept; None when not known.
    """

    title: str
    facts: Mapping[str, str]
    scores: Mapping[str, Mapping[str, DelayScore]]
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best_epoch: int | None = None


def render(report: DelayReport) -> str:
    """The report as a page of HTML."""
    test = report.scores["test"]
    return rendered(
        "delay_report.html.j2",
        report=report,
        names=NAMES,
        measures=MEASURES,
        network=test["network"],
        best={split: best_of(scores) for split, scores in report.scores.items()},
        verdicts=verdicts(test),
        line_charts=line_charts(report.history, report.best_epoch),
        reliability_charts=[
            charts.reliability_chart(NAMES[name], score.reliability, "late") for name, score in test.items()
        ],
    )


def write(report: DelayReport, file: Path) -> Path:
    """Write the report to `file`, whole or not at all; its folder is made when missing."""
    return write_page(render(report), file)


def best_of(scores: Mapping[str, DelayScore]) -> dict[str, str]:
    """By measure, the predictor that is best; of equal ones, the first."""
    found = {}
    for measure, _, is_more_better in MEASURES:
        values = {name: getattr(score, measure) for name, score in scores.items()}
        known = {name: value for name, value in values.items() if value is not None}
        if known:
            choose = max if is_more_better else min
            found[measure] = choose(known, key=lambda name: known[name])
    return found


def verdicts(scores: Mapping[str, DelayScore]) -> list[str]:
    """A sentence for each measure: whether the network is best, and what is better where it is not."""
    network, best = scores["network"], best_of(scores)
    told = []
    for measure, meaning, _ in MEASURES:
        if measure not in best:
            continue
        own, winner = getattr(network, measure), best[measure]
        if winner == "network":
            told.append(f"By {meaning} the network is best ({own:.3f}).")
        else:
            other = getattr(scores[winner], measure)
            told.append(f"By {meaning} the network ({own:.3f}) loses to {NAMES[winner]} ({other:.3f}).")
    return told

"""One HTML file that says how good an extractor is; it needs nothing from the network, and no script."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from invoicelake.evaluation import charts, drawing, metrics
from invoicelake.evaluation.drawing import FieldRead, ReadDocument
from invoicelake.evaluation.metrics import HELD_OUT, NORMALISATIONS, Group, Scored, Scores
from invoicelake.evaluation.pages import line_charts, rendered, write_page
from invoicelake.trust.reliability import Bin

__all__ = ["FieldRead", "ReadDocument", "Report", "choose_examples", "render", "write"]

MAX_CHARACTERS = 500
NORMALISATION_NAMES = {
    "exact": "exact",
    "nospace": "white space ignored",
    "alnum": "letters and digits only",
}
GROUP_NAMES = {
    Group.UNSEEN: "suppliers unseen in training",
    Group.SEEN: "suppliers seen in training",
    Group.TRAINED: "documents that the model was trained or tuned on",
}


@dataclass(frozen=True)
class Report:
    """What the report shows.

    Attributes:
        title: heading, for example the name of the registered model.
        facts: of the run, in the order shown: model, table and its version, git commit, date.
        scores: of all scored documents.
        history: metric name to its value in each epoch; names that end in `loss` and those of the validation
            split (`val_…`) are drawn, the rest is left out.
        best_epoch: the epoch, from 1, whose weights were kept; None when not known.
        interval: 95 % interval of the exact headline F1 (`bootstrap_interval`); None when not known.
        reliability: by field, what became of held-out readings of like probability.
        calibration_error: expected calibration error of all of them; None when not known.
        rejected: reason to number of documents that were not taken in.
        documents: pages to draw, see `choose_examples`.
    """

    title: str
    facts: Mapping[str, str]
    scores: Scores
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    best_epoch: int | None = None
    interval: tuple[float, float] | None = None
    reliability: Mapping[str, Sequence[Bin]] = field(default_factory=dict)
    calibration_error: float | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    documents: Sequence[ReadDocument] = ()


@dataclass(frozen=True)
class Row:
    """A field of a drawn document: label, read value in pieces and its score; None where there is none."""

    field: str
    expected: str | None
    predicted: list[tuple[str, bool]]
    score: float | None
    verdict: drawing.Verdict


@dataclass(frozen=True)
class Card:
    """A drawn document with its fields."""

    document_id: str
    group: str
    pages: list[drawing.DrawnPage]
    rows: list[Row]
    is_right: bool


def choose_examples(documents: Iterable[Scored], fields: Sequence[str], number: int) -> list[str]:
    """Identifiers of documents worth drawing: half all right, half with mistakes, held-out ones first.

    The choice depends on the identifiers only, so that it is the same on every run.
    """
    ordered = sorted(documents, key=_example_order)
    right = [item.document_id for item in ordered if _is_right(item, fields)]
    wrong = [item.document_id for item in ordered if not _is_right(item, fields)]
    number_right = min(len(right), max(number // 2, number - len(wrong)))
    return right[:number_right] + wrong[: number - number_right]


def render(report: Report) -> str:
    """The report as a page of HTML."""
    fields = report.scores.fields
    cards = [_card(document, fields) for document in report.documents]
    return rendered(
        "report.html.j2",
        report=report,
        cards=[
            ("Every field right", [card for card in cards if card.is_right]),
            ("With mistakes", [card for card in cards if not card.is_right]),
        ],
        headline=report.scores.of("exact"),
        number=report.scores.number(),
        line_charts=line_charts(report.history, report.best_epoch),
        reliability_charts=[
            charts.reliability_chart(name, bins) for name, bins in report.reliability.items() if bins
        ],
        bars=charts.bar_chart(_bars(report.scores)),
        field_rows=_field_rows(report.scores),
        group_rows=_group_rows(report.scores),
        normalisations=NORMALISATION_NAMES,
    )


def write(report: Report, file: Path) -> Path:
    """Write the report to `file`, whole or not at all; its folder is made when missing."""
    return write_page(render(report), file)


def _example_order(document: Scored) -> tuple[bool, str]:
    digest = hashlib.sha256(document.document_id.encode()).hexdigest()
    return document.group not in HELD_OUT, digest


def _is_right(document: Scored, fields: Sequence[str]) -> bool:
    return all(drawing.verdict(document, name).kind in ("right", "none") for name in fields)


def _card(document: ReadDocument, fields: Sequence[str]) -> Card:
    scored = document.scored()
    rows = [_row(document, scored, name) for name in fields]
    pages = drawing.drawn_pages(document, fields)
    is_right = _is_right(scored, fields)
    return Card(document.document_id, GROUP_NAMES[document.group], pages, rows, is_right)


def _row(document: ReadDocument, scored: Scored, name: str) -> Row:
    expected = document.truths.get(name, "")[:MAX_CHARACTERS] or None
    read = document.predictions.get(name)
    predicted = read.value[:MAX_CHARACTERS] if read else ""
    # Without a label there is nothing to differ from.
    pieces = drawing.differences(expected, predicted) if expected else [(predicted, False)]
    return Row(name, expected, pieces, read.score if read else None, drawing.verdict(scored, name))


def _bars(scores: Scores) -> dict[str, list[float]]:
    choices: dict[str, list[str] | None] = {name: [name] for name in scores.fields}
    choices["all fields"] = None
    return {
        name: [scores.of(normalisation, chosen).f1 for normalisation in NORMALISATIONS]
        for name, chosen in choices.items()
    }


def _field_rows(scores: Scores) -> list[tuple[str, list[metrics.Counts]]]:
    rows = [(name, [scores.of(kind, [name]) for kind in NORMALISATIONS]) for name in scores.fields]
    return [*rows, ("all fields", [scores.of(kind) for kind in NORMALISATIONS])]


def _group_rows(scores: Scores) -> list[tuple[str, int, list[float], list[float]]]:
    """Name, documents, F1 under each normalisation, exact F1 of each field; also of empty groups."""
    return [
        (
            name,
            scores.number([group]),
            [scores.of(kind, groups=[group]).f1 for kind in NORMALISATIONS],
            [scores.of("exact", [field_name], [group]).f1 for field_name in scores.fields],
        )
        for group, name in GROUP_NAMES.items()
    ]

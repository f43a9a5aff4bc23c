"""What `benchmark folds`, `ladder` and `learning_curve` share: fit a reader, and score it on other documents.

Each fit runs in a process of its own with one thread, so as many run at once as there are cores to give them.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from invoicelake.evaluation.meaning import verdicts
from invoicelake.evaluation.metrics import NORMALISATIONS, Group, Scored, Scores, score
from invoicelake.models.decoding import Prediction
from invoicelake.sources.catalogue import SOURCES
from invoicelake.text.document import Line, LineItem
from invoicelake.training.examples import line_item
from invoicelake.training.folds import Fold, LabelledDocument
from invoicelake.transforms.documents import (
    accepted_documents,
    document_labels,
    document_line_items,
    parse_documents,
)

if TYPE_CHECKING:
    from invoicelake import config
    from invoicelake.job import Run

_THREADS = "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"
_TIMINGS = 3
Row = dict[str, Any]
Made = TypeVar("Made")


class Reader(Protocol):
    """What reads the fields of documents."""

    def predict(self, documents: Sequence[Sequence[Line]]) -> list[list[Prediction]]:
        """The fields of each document, from its lines."""
        ...


Fit = Callable[[Sequence[LabelledDocument], Path], tuple[Reader, float]]
"""Makes a reader from documents, with an empty folder for what it needs on disk; and the seconds it took."""


@dataclass(frozen=True)
class Result:
    """What one reader made of one fold.

    Attributes:
        fold: name of the fold.
        rows: one for each document and field that is labelled or was read.
        scores: of the documents.
        train_s: seconds to fit, on one core.
        read_ms: milliseconds of processor time to read a document, all in one batch; median of a few times.
        parameters: numbers that were fitted; 0 where they are not counted.
    """

    fold: str
    rows: Sequence[Row]
    scores: Scores
    train_s: float
    read_ms: float
    parameters: int


def labelled_documents(run: Run) -> list[LabelledDocument]:
    """The annotated documents of the input, of which none is left out or counted twice."""
    suite = run.suite
    received = SOURCES[suite.input.format].receive(run.spark, suite)
    parsed = parse_documents(received.documents, suite.input.max_lines, suite.publish.currency).persist()
    wanted = set(suite.field_names)
    labels: dict[str, dict[str, str]] = {}
    places: dict[str, dict[str, tuple[int, ...]]] = {}
    for row in document_labels(parsed).collect():
        if row["field"] in wanted:
            labels.setdefault(row["document_id"], {})[row["field"]] = row["value"]
            if row["line_numbers"] is not None:
                places.setdefault(row["document_id"], {})[row["field"]] = tuple(row["line_numbers"])
    items: dict[str, list[LineItem]] = {}
    for row in document_line_items(parsed).orderBy("document_id", "item_number").collect():
        items.setdefault(row["document_id"], []).append(line_item(row.asDict(recursive=True)))
    rows = accepted_documents(parsed).collect()
    parsed.unpersist()
    return [
        LabelledDocument(
            row["name"],
            row["supplier"] or row["document_id"],
            [Line(*line) for line in row["lines"]],
            labels[row["document_id"]],
            places.get(row["document_id"], {}),
            tuple(items.get(row["document_id"], ())),
        )
        for row in sorted(rows, key=lambda each: each["name"])
        if row["document_id"] in labels
    ]


def results(
    folds: Sequence[Fold], fit: Fit, suite: config.Suite, folder: Path, workers: int
) -> Iterable[Result]:
    """Fit and read every fold, in their order, `workers` at once.

    Args:
        folds: to fit and read.
        fit: what is measured; it must pickle.
        suite: whose fields are scored.
        folder: for what readers need on disk.
        workers: processes at once.
    """
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=use_one_thread, max_tasks_per_child=1) as pool:
        tasks = [pool.submit(_result, fold, fit, suite, folder / fold.name) for fold in folds]
        for task in tasks:
            yield task.result()


def timed(make: Callable[..., Made], *arguments: Any) -> tuple[Made, float]:
    """What a function makes of its arguments, and the seconds it took."""
    began = time.perf_counter()
    made = make(*arguments)
    return made, time.perf_counter() - began


def use_one_thread() -> None:
    """Have a process that begins compute with one thread."""
    os.environ |= dict.fromkeys(_THREADS, "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _result(fold: Fold, fit: Fit, suite: config.Suite, folder: Path) -> Result:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reader, train_s = fit(fold.train, folder)
    shutil.rmtree(folder)
    parameters = sum(getattr(weight, "size", 0) for weight in getattr(reader, "weights", ()))
    return read(fold, reader, suite, train_s, parameters)


def read(
    fold: Fold,
    reader: Reader,
    suite: config.Suite,
    train_s: float,
    parameters: int,
    clock: Callable[[], float] = time.process_time,
) -> Result:
    """What a reader that was fitted on a fold makes of its other documents.

    Args:
        fold: whose documents are read.
        reader: fitted on it.
        suite: whose fields are scored.
        train_s: seconds that it took.
        parameters: numbers that were fitted.
        clock: seconds; by default those of this process's processor, whatever else the machine does.
    """
    lines = [document.lines for document in fold.test]
    found = reader.predict(lines)
    times = []
    for _ in range(_TIMINGS):
        began = clock()
        reader.predict(lines)
        times.append((clock() - began) / max(len(lines), 1) * 1e3)
    scored = [_scored(fold, *pair) for pair in zip(fold.test, found, strict=True)]
    return Result(
        fold.name,
        [
            row
            for each, predictions, counts in zip(fold.test, found, scored, strict=True)
            for row in _rows(fold, each, predictions, counts.group, suite)
        ],
        score(scored, suite.field_names),
        train_s,
        statistics.median(times),
        parameters,
    )


def _scored(fold: Fold, document: LabelledDocument, found: Sequence[Prediction]) -> Scored:
    group = Group.SEEN if document.supplier in fold.train_suppliers else Group.UNSEEN
    return Scored(document.document_id, group, document.labels, {each.field: each.value for each in found})


def _rows(
    fold: Fold, document: LabelledDocument, found: Sequence[Prediction], group: Group, suite: config.Suite
) -> Iterable[Row]:
    read: Mapping[str, Prediction] = {each.field: each for each in found}
    for name in suite.field_names:
        prediction, label = read.get(name), document.labels.get(name)
        if prediction is None and label is None:
            continue
        value = prediction.value if prediction else None
        yield {
            "document_id": document.document_id,
            "supplier": document.supplier,
            "document_group": str(group),
            "fold": fold.name,
            "field": name,
            "value": value,
            "label": label,
            "score": prediction.score if prediction else None,
            "line_numbers": prediction.line_numbers if prediction else (),
            "alternatives": [asdict(each) for each in prediction.alternatives] if prediction else [],
            **verdicts(suite.kind_of(name), value or "", label or "", suite.publish),
        }


def write_rows(file: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON lines, over a file that is there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}")
    with partial.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    partial.replace(file)


def figures(found: Sequence[Result], suite: config.Suite) -> dict[str, float]:
    """F1 of each normalisation, of all fields and by field: mean of the supplier folds, and at random."""
    by_supplier = [each for each in found if each.fold.startswith("supplier")]
    kinds = {"suppliers": by_supplier, "random": [each for each in found if each.fold == "random"]}
    measured = {}
    for kind, parts in kinds.items():
        for name in NORMALISATIONS if parts else ():
            for suffix, chosen in {"": None, **{f"_{field}": [field] for field in suite.field_names}}.items():
                f1s = [each.scores.of(name, chosen).f1 for each in parts]
                measured[f"f1_{name}{suffix}_{kind}"] = round(statistics.mean(f1s), 4)
    return measured


def described(result: Result) -> str:
    """A line on what came of a fold."""
    f1s = ", ".join(f"{name} {result.scores.of(name).f1:.4f}" for name in NORMALISATIONS)
    return (
        f"{result.fold}: {result.scores.number()} documents, F1 {f1s}; "
        f"trained in {result.train_s:.0f} s, {result.read_ms:.1f} ms a document"
    )


def summary(found: Sequence[Result], suite: config.Suite) -> dict[str, float | str]:
    """`figures`, the time of a fold and of a document, and the exact F1 by supplier to that at random."""
    measured: dict[str, float | str] = dict(figures(found, suite))
    measured |= {
        "documents": sum(each.scores.number() for each in found),
        "train_s": round(statistics.median(each.train_s for each in found), 1),
        "read_ms": round(statistics.median(each.read_ms for each in found), 2),
        "parameters": max(each.parameters for each in found),
    }
    pair = [measured.get(f"f1_exact_{kind}") for kind in ("suppliers", "random")]
    if all(pair):
        measured["ratio"] = round(float(pair[0] or 0) / float(pair[1] or 1), 4)
    return measured

"""How well line items are read in documents new to the extractor: receipts of CORD, generated documents.

For each frozen fold (`training/folds.py`; CORD names no suppliers, so its folds are of single receipts) an
extractor is trained from nothing, and one that begins from `benchmark.pretraining_documents` generated
receipts, on one core each. Items are paired before they are counted (`evaluation/line_items.py`). Generated
documents are read without a beginning, in the folds that `benchmark.folds` names, else in the first.
`ratio` is the exact F1 of whole items with a beginning to that without.
"""

from __future__ import annotations

import logging
import shutil
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import fold_readers
import pretraining
from folds import chosen_folds
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.evaluation.line_items import PARTS, WHOLE, DocumentItems, item_counts
from invoicelake.evaluation.metrics import NORMALISATIONS, Counts, Group, Scored, Scores, score
from invoicelake.models.bundle import Extractor, Reading, load_bundle
from invoicelake.models.item_decoding import ReadItem
from invoicelake.text.document import LineItem
from invoicelake.training.direct import train_directly
from invoicelake.training.folds import RANDOM, Fold, LabelledDocument, frozen_folds

if TYPE_CHECKING:
    from invoicelake.job import Run

log = logging.getLogger("invoicelake.benchmarks.line_items")

NOTHING, GENERATED = "from_nothing", "from_generated"


@dataclass(frozen=True)
class Result:
    """What was read of a fold: counts of items by normalisation, scores of fields, seconds to train."""

    way: str
    items: Mapping[str, Mapping[str, Counts]]
    fields: Scores
    train_s: float


def measure(run: Run) -> dict[str, float]:
    """F1 of parts, of whole items and of fields, each way."""
    suite = run.suite
    if not suite.line_items.read:
        raise JobError(
            f"input.format={suite.input.format} has no line items to learn from; set input.format=cord"
        )
    folds = frozen_folds(fold_readers.labelled_documents(run), suite.seed)
    folder = Path(run.lake.side_folder("benchmarks")) / "line_items" / suite.input.format
    begin = None
    if suite.input.format != "generated":
        begin = pretraining.pretrained(suite, folder / "pretrained")
    found = []
    for result in _results(_wanted(folds, suite), suite, begin, folder / "scratch"):
        log.info("%s: whole items %.4f", result.way, result.items["exact"][WHOLE].f1)
        found.append(result)
    return _summary(found, suite.field_names)


def _wanted(folds: Sequence[Fold], suite: config.Suite) -> list[Fold]:
    if suite.benchmark.folds:
        return chosen_folds(folds, suite.benchmark)
    by_supplier = [fold for fold in folds if fold.name != RANDOM]
    return by_supplier[:1] if suite.input.format == "generated" else by_supplier


def _results(
    folds: Sequence[Fold], suite: config.Suite, begin: Path | None, folder: Path
) -> Iterator[Result]:
    ways = {NOTHING: None} | ({GENERATED: begin} if begin else {})
    with ProcessPoolExecutor(
        suite.benchmark.fold_workers,
        get_context("spawn"),
        initializer=fold_readers.use_one_thread,
        max_tasks_per_child=1,
    ) as pool:
        tasks = [
            pool.submit(_result, way, fold, suite, start, folder / f"{way}-{fold.name}")
            for way, start in ways.items()
            for fold in folds
        ]
        for task in tasks:
            yield task.result()


def _result(way: str, fold: Fold, suite: config.Suite, begin: Path | None, folder: Path) -> Result:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.perf_counter()
    source = load_bundle(begin) if begin else None
    extractor = train_directly(fold.train, suite, folder, suite.seed, source)
    train_s = time.perf_counter() - began
    shutil.rmtree(folder)
    return _scored(way, fold, extractor, train_s)


def _scored(way: str, fold: Fold, extractor: Extractor, train_s: float) -> Result:
    readings = extractor.read([document.lines for document in fold.test])
    pairs = list(zip(fold.test, readings, strict=True))
    items = [DocumentItems(_texts(document.line_items), _texts(read.items)) for document, read in pairs]
    scores = score([_fields(*pair) for pair in pairs], [field.name for field in extractor.fields])
    return Result(way, {kind: item_counts(items, kind) for kind in NORMALISATIONS}, scores, train_s)


def _texts(items: Sequence[LineItem | ReadItem]) -> list[dict[str, str | None]]:
    return [{part: getattr(item, part) for part in PARTS} for item in items]


def _fields(document: LabelledDocument, reading: Reading) -> Scored:
    read = {each.field: each.value for each in reading.fields}
    return Scored(document.document_id, Group.UNSEEN, document.labels, read)


def _summary(found: Sequence[Result], fields: Sequence[str]) -> dict[str, float]:
    measured: dict[str, float] = {}
    for way in dict.fromkeys(result.way for result in found):
        mine = [result for result in found if result.way == way]
        for kind in NORMALISATIONS:
            for part in (*PARTS, WHOLE):
                counts = sum((result.items[kind][part] for result in mine), Counts())
                measured[f"f1_{kind}_{part}_{way}"] = round(counts.f1, 4)
            parts = sum((result.items[kind][part] for result in mine for part in PARTS), Counts())
            measured[f"f1_{kind}_parts_{way}"] = round(parts.f1, 4)
            for suffix, chosen in {"fields": None, **{name: [name] for name in fields}}.items():
                counts = sum((result.fields.of(kind, chosen) for result in mine), Counts())
                measured[f"f1_{kind}_{suffix}_{way}"] = round(counts.f1, 4)
        measured[f"train_s_{way}"] = round(statistics.median(result.train_s for result in mine), 1)
    begun, plain = (measured.get(f"f1_exact_{WHOLE}_{way}") for way in (GENERATED, NOTHING))
    if begun is not None and plain:
        measured["ratio"] = round(begun / plain, 3)
    return measured

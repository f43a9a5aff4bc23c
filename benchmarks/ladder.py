"""Five ways to read receipts, from rules to the extractor that first learnt from generated ones.

Each is fitted on the frozen folds of `benchmark folds` and scored alike: rules and regular expressions,
Spark ML (`line_trees.py`), a character BiLSTM, the extractor, and the extractor pretrained on generated
receipts. The table goes to `benchmarks/ladder/FORMAT/ladder.md` beside the tables of the lake. `ratio` is the
exact F1 of the extractor to that of Spark ML, on suppliers never seen. With `benchmark.retrain=false` the
extractor is the one that `benchmark folds` kept.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import fold_readers
import folds
import pretraining
from fold_readers import Fit, Reader, Result
from invoicelake import config
from invoicelake.training.direct import train_directly
from invoicelake.training.folds import Fold, LabelledDocument, frozen_folds
from line_trees import LineTrees
from rules import Rules

if TYPE_CHECKING:
    from invoicelake.job import Run

log = logging.getLogger("invoicelake.benchmarks.ladder")

RULES, TREES, BILSTM = "rules", "spark_ml", "character_bilstm"
TAGGER, PRETRAINED = "field_tagger", "field_tagger_pretrained"
_COLUMNS = ("f1_exact_suppliers", "f1_alnum_suppliers", "f1_exact_random", "f1_alnum_random")
_HEAD = (
    "| | exact, unseen suppliers | letters and digits | exact, at random | letters and digits | s | numbers |"
)


def measure(run: Run) -> dict[str, float | str]:
    """For each way: F1 by supplier and at random, seconds to fit a fold on one core, numbers fitted."""
    suite = run.suite
    frozen = frozen_folds(fold_readers.labelled_documents(run), suite.seed)
    chosen = folds.chosen_folds(frozen, suite.benchmark)
    folder = Path(run.lake.side_folder("benchmarks")) / "ladder" / suite.input.format
    found: dict[str, float | str] = {}
    table = [_HEAD, "|---|---|---|---|---|---|---|"]
    for name, results in _rungs(run, chosen, folder):
        summary = fold_readers.summary(results, suite)
        table.append(_row(name, summary))
        log.info("%s", table[-1])
        found |= {
            f"{key}_{name}": summary[key]
            for key in (*_COLUMNS, "train_s", "read_ms", "parameters")
            if key in summary
        }
    (folder / "ladder.md").write_text("\n".join(table) + "\n", encoding="utf-8")
    ratio = float(found[f"f1_exact_suppliers_{TAGGER}"]) / float(found[f"f1_exact_suppliers_{TREES}"])
    return found | {"ratio": round(ratio, 3), "table": str(folder / "ladder.md")}


def _rungs(run: Run, chosen: Sequence[Fold], folder: Path) -> Iterable[tuple[str, list[Result]]]:
    suite = run.suite
    scratch, workers = folder / "scratch", suite.benchmark.fold_workers
    measured = partial(_measured, chosen, suite, scratch, workers)
    yield RULES, measured(_rules)
    yield TREES, [_by_trees(run, fold) for fold in chosen]
    for name, fit in _networks(run, folder).items():
        yield name, measured(fit)


def _measured(
    chosen: Sequence[Fold], suite: config.Suite, scratch: Path, workers: int, fit: Fit
) -> list[Result]:
    found = []
    for result in fold_readers.results(chosen, fit, suite, scratch, workers):
        log.info("%s", fold_readers.described(result))
        found.append(result)
    return found


def _networks(run: Run, folder: Path) -> Mapping[str, Fit]:
    suite = run.suite
    model = suite.model.model_copy(update={"name": BILSTM, "width": 128})
    bilstm = suite.model_copy(update={"model": model})
    pretrained = pretraining.pretrained(suite, folder / "pretrained")
    return {
        BILSTM: partial(_trained, suite=bilstm),
        TAGGER: partial(folds.trained, suite=suite, models=folds.models(run)),
        PRETRAINED: partial(pretraining.fine_tuned, suite=suite, pretrained=pretrained),
    }


def _rules(_documents: Sequence[LabelledDocument], _folder: Path) -> tuple[Reader, float]:
    return Rules(), 0.0


def _trained(
    documents: Sequence[LabelledDocument], folder: Path, suite: config.Suite
) -> tuple[Reader, float]:
    return fold_readers.timed(train_directly, documents, suite, folder, suite.seed)


def _by_trees(run: Run, fold: Fold) -> Result:
    suite = run.suite
    trees, train_s = fold_readers.timed(LineTrees, run.spark, fold.train, suite.fields, suite.seed)
    # Spark's own processes do the reading.
    return fold_readers.read(fold, trees, suite, train_s, trees.nodes, time.perf_counter)


def _row(name: str, summary: Mapping[str, float | str]) -> str:
    scores = (f"{float(summary[key]):.3f}" if key in summary else "" for key in _COLUMNS)
    return f"| {name} | {' | '.join(scores)} | {summary['train_s']} | {summary['parameters']} |"

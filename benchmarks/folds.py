"""How well documents are read that the extractor has not seen: five folds by supplier, one drawn at random.

The folds are frozen (`training/folds.py`). An extractor is trained for each, on one core, from nothing;
what it reads in the fold's other documents goes to `benchmarks/folds/FORMAT/predictions.jsonl` beside the
lake's tables, one line for each document and field, with label, score and alternatives, as do the models.
With `benchmark.retrain=false` those extractors read again, by the settings of reading in `model`, so that
decoding is studied without training.
`ratio` is the exact F1 on suppliers never seen to that on documents drawn at random.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import fold_readers
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.bundle import Extractor, load_bundle, save_extractor
from invoicelake.training.direct import train_directly
from invoicelake.training.folds import Fold, LabelledDocument, frozen_folds

if TYPE_CHECKING:
    from invoicelake.job import Run

log = logging.getLogger("invoicelake.benchmarks.folds")


def measure(run: Run) -> dict[str, float | str]:
    """F1 by normalisation and field, seconds to train a fold, milliseconds to read a document."""
    suite = run.suite
    folds = chosen_folds(frozen_folds(fold_readers.labelled_documents(run), suite.seed), suite.benchmark)
    folder = Path(run.lake.side_folder("benchmarks")) / "folds" / suite.input.format
    fit = partial(trained, suite=suite, models=models(run))
    found = []
    for result in fold_readers.results(folds, fit, suite, folder / "scratch", suite.benchmark.fold_workers):
        found.append(result)
        log.info("%s", fold_readers.described(result))
    file = folder / "predictions.jsonl"
    fold_readers.write_rows(file, (row for result in found for row in result.rows))
    return fold_readers.summary(found, suite) | {"predictions": str(file)}


def models(run: Run) -> Path:
    """Where the extractors of the folds are kept."""
    return Path(run.lake.side_folder("benchmarks")) / "folds" / run.suite.input.format / "models"


def chosen_folds(folds: Sequence[Fold], settings: config.Benchmark) -> list[Fold]:
    """The folds that `benchmark.folds` names, or all of them.

    Raises:
        JobError: there is no such fold.
    """
    known = {fold.name: fold for fold in folds}
    missing = [name for name in settings.folds if name not in known]
    if missing:
        raise JobError(f"there is no fold {missing[0]!r}; set benchmark.folds to some of {', '.join(known)}")
    return [known[name] for name in settings.folds or known]


def trained(
    documents: Sequence[LabelledDocument], folder: Path, suite: config.Suite, models: Path
) -> tuple[Extractor, float]:
    """An extractor of these documents, kept in a folder of `models` named like `folder`; seconds to train."""
    kept = models / folder.name
    seconds = kept / "train_s"
    if suite.benchmark.retrain:
        extractor, train_s = fold_readers.timed(train_directly, documents, suite, folder, suite.seed)
        save_extractor(kept, extractor)
        seconds.write_text(f"{train_s:.1f}", encoding="utf-8")
    elif not seconds.is_file():
        raise JobError(f"no extractor is kept in {kept}; set benchmark.retrain=true")
    extractor = replace(load_bundle(kept), model=suite.model)
    return extractor, float(seconds.read_text(encoding="utf-8"))

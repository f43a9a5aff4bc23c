"""An extractor that has learnt from generated receipts, for others to begin from."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from fold_readers import timed, use_one_thread
from invoicelake import config
from invoicelake.models.bundle import Extractor, load_bundle, save_extractor
from invoicelake.sources.generated import generate
from invoicelake.training.direct import train_directly
from invoicelake.training.folds import LabelledDocument

_EPOCHS = 5
# Many suppliers, poor scans: what is learnt is how receipts look, not which there are.
_GENERATOR = {"invoice_share": 0.0, "suppliers": 1000, "poor_scan_share": 0.3, "fault_share": 0.02}


def pretrained(suite: config.Suite, folder: Path) -> Path:
    """Folder of an extractor of `benchmark.pretraining_documents` generated receipts, trained if need be."""
    kept = folder / f"{suite.benchmark.pretraining_documents}"
    if not (kept / "model.json").is_file():
        with ProcessPoolExecutor(1, get_context("spawn"), initializer=use_one_thread) as pool:
            pool.submit(_train, suite, kept, folder / "scratch").result()
    return kept


def fine_tuned(
    documents: Sequence[LabelledDocument], folder: Path, suite: config.Suite, pretrained: Path
) -> tuple[Extractor, float]:
    """An extractor of these documents that begins from the one in `pretrained`, and the seconds it took."""
    return timed(train_directly, documents, suite, folder, suite.seed, load_bundle(pretrained))


def _train(suite: config.Suite, kept: Path, scratch: Path) -> None:
    settings = suite.generator.model_copy(update=_GENERATOR)
    documents = [
        LabelledDocument(
            str(number),
            each.labels["company"],
            each.lines,
            each.labels,
            each.label_lines,
            each.line_items,
        )
        for number in range(suite.benchmark.pretraining_documents)
        # Of another seed than the documents that `input.format=generated` gives.
        for each in [generate(number, suite.seed + 1, settings)]
    ]
    training = suite.training.model_copy(update={"epochs": _EPOCHS})
    scratch.mkdir(parents=True)
    extractor = train_directly(
        documents, suite.model_copy(update={"training": training}), scratch, suite.seed
    )
    save_extractor(kept, extractor)

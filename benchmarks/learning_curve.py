"""How good the extractor gets with 25 to 400 labelled documents, with and without pretraining.

Documents are drawn from those to learn from of a frozen fold (`supplier_0` unless `benchmark.folds` names
others), each size holding the smaller ones; the fold's other documents are read. Few documents are gone
through more often. Table and plot go to `benchmarks/learning_curve/FORMAT` beside the lake's tables. `ratio`
is the exact F1 of 50 documents with pretraining to that without.
"""

from __future__ import annotations

import hashlib
import logging
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import fold_readers
import pretraining
from fold_readers import Fit, Reader
from folds import chosen_folds
from invoicelake import config
from invoicelake.models.bundle import load_bundle
from invoicelake.quality.plots import SETTINGS
from invoicelake.training.direct import train_directly
from invoicelake.training.folds import Fold, LabelledDocument, frozen_folds

if TYPE_CHECKING:
    from invoicelake.job import Run

log = logging.getLogger("invoicelake.benchmarks.learning_curve")

SIZES = (25, 50, 100, 200, 400)
_FEWEST_STEPS = 200
_FOLDS = ("supplier_0",)
WAYS = {"scratch": "from nothing", "pretrained": "pretrained on generated receipts"}
Points = Mapping[str, Sequence[tuple[int, float, float]]]
"""Of each way: documents, F1 exact, F1 of letters and digits."""


def measure(run: Run) -> dict[str, float | str]:
    """F1, exact and of letters and digits, of each number of documents, in both ways."""
    suite = run.suite
    settings = suite.benchmark.model_copy(update={"folds": suite.benchmark.folds or _FOLDS})
    folds = chosen_folds(frozen_folds(fold_readers.labelled_documents(run), suite.seed), settings)
    folder = Path(run.lake.side_folder("benchmarks")) / "learning_curve" / suite.input.format
    start = pretraining.pretrained(suite, folder / "pretrained")
    fits: dict[str, Fit] = {
        "scratch": partial(trained, suite=suite, pretrained=None),
        "pretrained": partial(trained, suite=suite, pretrained=start),
    }
    points = {
        name: list(_points(folds, fit, suite, folder, settings.fold_workers)) for name, fit in fits.items()
    }
    write_table(points, folder / "learning_curve.md")
    draw(points, folder / "learning_curve.svg")
    found: dict[str, float | str] = {
        f"f1_{kind}_{size}_{name}": round(f1, 4)
        for name, each in points.items()
        for size, exact, alnum in each
        for kind, f1 in (("exact", exact), ("alnum", alnum))
    }
    ratio = float(found["f1_exact_50_pretrained"]) / max(float(found["f1_exact_50_scratch"]), 1e-9)
    return found | {"ratio": round(ratio, 3), "plot": str(folder / "learning_curve.svg")}


def trained(
    documents: Sequence[LabelledDocument], folder: Path, suite: config.Suite, pretrained: Path | None
) -> tuple[Reader, float]:
    """An extractor of these documents, gone through as often as it takes for a few hundred steps; seconds."""
    steps = math.ceil(len(documents) / suite.training.batch_size)
    epochs = max(suite.training.epochs, math.ceil(_FEWEST_STEPS / steps))
    training = suite.training.model_copy(update={"epochs": epochs})
    own = suite.model_copy(update={"training": training})
    source = load_bundle(pretrained) if pretrained else None
    return fold_readers.timed(train_directly, documents, own, folder, suite.seed, source)


def smaller(fold: Fold, size: int) -> Fold:
    """The fold with only so many documents to learn from."""
    drawn = sorted(fold.train, key=lambda each: hashlib.sha256(each.document_id.encode()).hexdigest())
    return replace(fold, train=tuple(drawn[:size]))


def _points(
    folds: Sequence[Fold], fit: Fit, suite: config.Suite, folder: Path, workers: int
) -> Iterable[tuple[int, float, float]]:
    named = [replace(smaller(fold, size), name=f"{fold.name}-{size}") for size in SIZES for fold in folds]
    results = []
    for result in fold_readers.results(named, fit, suite, folder / "scratch", workers):
        log.info("%s", fold_readers.described(result))
        results.append(result)
    for size in SIZES:
        mine = [each for each in results if each.fold.endswith(f"-{size}")]
        f1s = [statistics.mean(each.scores.of(kind).f1 for each in mine) for kind in ("exact", "alnum")]
        yield size, f1s[0], f1s[1]


def write_table(points: Points, file: Path) -> None:
    """Write a table in Markdown, a row for each number of documents."""
    head = " | ".join(f"{told}, exact | letters and digits" for told in WAYS.values())
    lines = [f"| documents | {head} |", "|---" * (1 + 2 * len(WAYS)) + "|"]
    for k, size in enumerate(SIZES):
        scores = " | ".join(f"{points[name][k][1]:.3f} | {points[name][k][2]:.3f}" for name in WAYS)
        lines.append(f"| {size} | {scores} |")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(points: Points, file: Path) -> None:
    """Draw F1 over the number of documents, which is on a logarithmic scale."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, told in WAYS.items():
        for column, kind, style in ((1, "exact", "-"), (2, "letters and digits", "--")):
            sizes, f1s = [each[0] for each in points[name]], [each[column] for each in points[name]]
            colour = "C0" if name == "scratch" else "C1"
            axes.plot(sizes, f1s, style, marker="o", color=colour, label=f"{told}, {kind}")
    axes.set_xscale("log")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.minorticks_off()
    axes.set_xlabel("labelled documents")
    axes.set_ylabel("F1 on suppliers never seen")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    with rc_context(SETTINGS):
        figure.savefig(file, metadata={"Date": None})

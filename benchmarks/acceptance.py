"""What is promised of accepted fields, against what comes true: on what a model read, and on degraded text.

The held-out readings in gold.calibration_example, or those that `benchmark folds` wrote to the file
`benchmark.predictions`, are taken as all there are. As many are drawn from them
anew, `benchmark.resplits` times, single readings or (as with accept.new_suppliers) whole suppliers, and a cut
is chosen by what was drawn; whether its promise is kept is known, since the error above it among all readings
is. Then generated documents are read as they are and with 3, 10 and 25 % of their characters misread. `ratio`
is the largest share of broken promises over that allowed.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import acceptance_grades
from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.tracking import open_tracking
from invoicelake.transforms.arrow import Row
from invoicelake.trust.bounds import chosen_cut, design_effect
from invoicelake.trust.calibration import chosen_calibration
from invoicelake.trust.reliability import expected_calibration_error

if TYPE_CHECKING:
    from invoicelake.job import Run

# Below the logger of the package, whose lines are shown.
log = logging.getLogger("invoicelake.benchmarks.acceptance")


def measure(run: Run) -> dict[str, float | str]:
    """Shares of broken promises and of accepted readings, calibration errors, and both on degraded text."""
    suite = run.suite
    if suite.benchmark.predictions:
        rows = _readings_of_folds(Path(suite.benchmark.predictions))
        return _with_ratio(_resplit(rows, suite), suite)
    model = open_tracking(suite.tracking, suite.lake.path).champion()
    of_model = f"model_name = '{model.name}' AND model_version = {model.version}"
    examples = run.lake.read("gold.calibration_example").where(of_model)
    found = _resplit([row.asDict() for row in examples.collect()], suite)
    return _with_ratio(found | acceptance_grades.read_in_grades(run, model, examples), suite)


def _readings_of_folds(file: Path) -> list[Row]:
    """What `benchmark folds` read of suppliers never seen, with what gold.calibration_example says of it.

    Raises:
        JobError: there is no such file, or it holds no such readings.
    """
    if not file.is_file():
        raise JobError(
            f"found no file at benchmark.predictions={file}; run benchmark folds, which names its own"
        )
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    read = [row for row in rows if row["value"] is not None and row["fold"] != "random"]
    if not read:
        raise JobError(
            f"{file} holds nothing that was read in a fold of suppliers; run benchmark folds again"
        )
    return read


def _resplit(readings: Sequence[Row], suite: config.Suite) -> dict[str, float | str]:
    """Promises kept, and calibration errors, on readings that are drawn anew."""
    rows = sorted(readings, key=lambda row: (row["field"], row["document_id"]))
    found: dict[str, float | str] = {"held_out": len({row["document_id"] for row in rows})}
    for name in sorted({row["field"] for row in rows}):
        mine = [row for row in rows if row["field"] == name]
        found |= _kept_promises(name, mine, suite)
    return found | _calibration_errors(rows, suite.accept.comparison, suite.seed)


def _with_ratio(found: dict[str, float | str], suite: config.Suite) -> dict[str, float | str]:
    broken = max(float(value) for key, value in found.items() if key.startswith("broken_readings"))
    return found | {"ratio": round(broken / (1 - suite.accept.confidence), 3)}


def _kept_promises(name: str, rows: Sequence[Row], suite: config.Suite) -> dict[str, float]:
    """How often the promise is broken when readings or suppliers are drawn anew, and how much is accepted."""
    scores = np.array([row["score"] for row in rows])
    is_right = np.array([row[f"is_right_{suite.accept.comparison}"] for row in rows])
    suppliers = np.unique([row["supplier"] for row in rows], return_inverse=True)[1]
    draw = np.random.default_rng(suite.seed)
    found = {}
    for kind in ("readings", "suppliers"):
        by_supplier = kind == "suppliers"
        broken, accepted = 0, 0.0
        for _ in range(suite.benchmark.resplits):
            chosen = _drawn(draw, suppliers, by_supplier)
            right = is_right[chosen].tolist()
            effect = design_effect(right, suppliers[chosen].astype(str).tolist()) if by_supplier else 1.0
            cut = chosen_cut(
                scores[chosen].tolist(),
                right,
                suite.accept.max_error,
                suite.accept.confidence,
                effect,
            )
            above = scores > (np.inf if cut.above is None else cut.above)
            broken += bool(above.any() and 1 - is_right[above].mean() > suite.accept.max_error)
            accepted += float(above.mean())
        found[f"broken_{kind}_{name}"] = broken / suite.benchmark.resplits
        found[f"accepted_{kind}_{name}"] = round(accepted / suite.benchmark.resplits, 4)
        log.info(
            "%s by %s: %s", name, kind, {key: found[f"{key}_{kind}_{name}"] for key in ("broken", "accepted")}
        )
    return found


def _drawn(draw: np.random.Generator, suppliers: NDArray[np.intp], by_supplier: bool) -> NDArray[np.intp]:
    """Places of about as many readings, with replacement."""
    if not by_supplier:
        return draw.integers(0, len(suppliers), size=len(suppliers))
    whole = draw.integers(0, suppliers.max() + 1, size=suppliers.max() + 1)
    return np.concatenate([np.flatnonzero(suppliers == each) for each in whole])


def _calibration_errors(rows: Sequence[Row], comparison: str, seed: int) -> dict[str, float]:
    """Expected calibration error where folds are drawn at random, and where suppliers are kept together."""
    found = {}
    for kind in ("random", "suppliers"):
        probabilities: list[float] = []
        is_right: list[bool] = []
        for name in sorted({row["field"] for row in rows}):
            mine = [row for row in rows if row["field"] == name]
            random.Random(f"{seed}/{name}").shuffle(mine)
            right = [bool(row[f"is_right_{comparison}"]) for row in mine]
            groups = [row["supplier"] if kind == "suppliers" else row["document_id"] for row in mine]
            _, outside = chosen_calibration([row["score"] for row in mine], right, groups)
            probabilities += outside.tolist()
            is_right += right
        found[f"calibration_error_{kind}"] = round(expected_calibration_error(probabilities, is_right), 4)
    return found

"""The declared checks against Great Expectations: 40 checks on 1,000,000 rows, both on the same cached frame.

Some checks fail by design. The two must agree on every verdict and on the number of failing rows. Great
Expectations runs twice: as `ValidationDefinition.run()` does by default, which brings examples of failing
values along (`ratio`), and with nothing but verdicts and counts, which is what ours returns
(`ratio_to_leanest`).
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from check_list import AS_OF, INVOICES, ROWS, invoices
from invoicelake.errors import JobError
from invoicelake.job import kept
from invoicelake.quality.measuring import Surroundings, measure as measure_checks

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from invoicelake.job import Run

# Below the logger of the package, whose lines are shown.
log = logging.getLogger("invoicelake.benchmarks.checks")

REPEATS = 3
Verdicts = dict[str, tuple[bool, int | None]]
"""Name of a check to whether it passed, and how many rows failed; None: it is not about rows."""


def measure(run: Run) -> dict[str, float | str]:
    """Seconds of both, medians of alternating repeats, and `ratio`: theirs / ours.

    Raises:
        JobError: the two do not agree on a verdict.
    """
    from great_expectations_suite import DEFAULT, LEANEST, validator

    with kept(invoices(run.spark, ROWS).repartition(run.workers)) as frame:
        frame.count()
        ways: dict[str, Callable[[], Verdicts]] = {
            "ours": lambda: _ours(frame),
            "theirs": validator(frame, DEFAULT),
            "leanest": validator(frame, LEANEST),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        verdicts: dict[str, Verdicts] = {}
        # The first round, which compiles and warms up, does not count.
        for repeat in range(REPEATS + 1):
            for name, judge in ways.items():
                began = time.monotonic()
                verdicts[name] = judge()
                took = time.monotonic() - began
                log.info("%s: %.2f s%s", name, took, "" if repeat else " (not counted)")
                seconds[name] += [took] if repeat else []
    _require_agreement(verdicts["ours"], verdicts["theirs"])
    _require_agreement(verdicts["ours"], verdicts["leanest"])
    ours, others, leanest = (statistics.median(seconds[name]) for name in ways)
    return {
        "rows": ROWS,
        "checks": len(verdicts["ours"]),
        "failing_checks": sum(not passed for passed, _ in verdicts["ours"].values()),
        "seconds": round(ours, 3),
        "great_expectations_seconds": round(others, 3),
        "great_expectations_leanest_seconds": round(leanest, 3),
        "ratio": round(others / ours, 2),
        "ratio_to_leanest": round(leanest / ours, 2),
    }


def _ours(frame: DataFrame) -> Verdicts:
    source = frame.sparkSession.range(ROWS)
    found = measure_checks(frame, INVOICES, 0, Surroundings(lambda name: source, as_of=AS_OF))
    return {
        outcome.check.name: (bool(outcome.passed), _rows(outcome.check.kind, outcome.failed))
        for outcome in found.outcomes
    }


def _rows(kind: str, failed: int | None) -> int | None:
    return None if kind == "row_count" else failed


def _require_agreement(ours: Verdicts, theirs: Verdicts) -> None:
    for name in sorted(ours):
        log.info("%s: ours %s, theirs %s", name, ours[name], theirs.get(name))
    differing = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    if differing:
        raise JobError(f"the verdicts differ on {', '.join(differing)}; see the lines above")

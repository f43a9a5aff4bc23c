"""Kill jobs of the data platform at seeded moments and run them again: are the tables as if nothing had been?

First every job of data_pipeline is started as a user would, and its whole process group is killed with
SIGKILL after a seeded part of the time that the job takes; then it is run to its end. For the rest of
benchmark.kills, each round delivers another day of the ledger and kills daily_ledger; the next round meets
what that left behind. `ratio` is the share of tables that end up equal, row for row, to those of a lake where
nothing was killed; it must be 1.
"""

from __future__ import annotations

import logging
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import daily_ledger
import data_pipeline
from invoicelake import cli
from invoicelake.job import Run
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from scenarios import scratch, with_settings

# Below the logger of the package, whose lines are shown.
log = logging.getLogger("invoicelake.benchmarks.kills")

# They tell of versions of tables, of which a run that was killed may have made more or fewer.
OF_VERSIONS = ("gold.table_check", "gold.column_quality", "gold.failing_row")
_TRADE = (
    "trade.lines_per_day=60",
    "trade.customers=60",
    "trade.receivables=200",
    "trade.annotations=50",
    "generator.documents=60",
)
# Enough for customers to have a past and a time after it, which features need.
_FIRST_DAYS = 45


def measure(run: Run) -> dict[str, float | str]:
    """`ratio`, how many runs were killed, how many tables were compared."""
    kills = run.suite.benchmark.kills
    jobs = [job.__name__ for job in data_pipeline.STEPS][:kills]
    return killed_and_undisturbed(run, jobs, days=kills - len(jobs))


def killed_and_undisturbed(
    run: Run, jobs: Sequence[str], days: int, first_days: int = _FIRST_DAYS
) -> dict[str, float | str]:
    """Kill each of `jobs` once, then daily_ledger on each of so many days; compare with a lake left alone.

    Without jobs, the days to kill on come to a copy of the lake that is left alone: what is fitted once, as
    the ledger's profiles are, has then been fitted to the same days.
    """
    files = ledger_files(with_settings(run, [f"trade.days={first_days + days}", *_TRADE]).suite)
    # Days of the years before hold nothing but a supplier's invoice.
    names = [name for name in sorted(files) if name > "2023"]
    first, later = (names[:-days], names[-days:]) if days else (names, [])
    whole = "data_pipeline" if jobs else "daily_ledger"
    draw = random.Random(run.suite.seed)
    killed = 0
    with scratch(run) as folder:
        undisturbed, disturbed = folder / "undisturbed", folder / "disturbed"
        landing = folder / "delivered"
        landing.mkdir()
        for name in first:
            (landing / name).write_bytes(files[name])
        usual = _usual_seconds(whole, undisturbed, landing)
        if not jobs:
            shutil.copytree(undisturbed, disturbed)
        for job in jobs:
            killed += _is_killed(job, disturbed, landing, usual[job] * draw.uniform(0.25, 1.0))
            _said(job, disturbed, landing)
            log.info("%s: %d runs killed", job, killed)
        for name in later:
            (landing / name).write_bytes(files[name])
            killed += _is_killed(
                "daily_ledger", disturbed, landing, usual["daily_ledger"] * draw.uniform(0.25, 1.0)
            )
            log.info("%s: %d runs killed", name, killed)
        for lake in (undisturbed, disturbed):
            _said("daily_ledger", lake, landing)
        compared, differing = _compared(run, undisturbed, disturbed)
    return {
        "ratio": round(1 - len(differing) / len(compared), 3),
        "killed": killed,
        "runs": len(jobs) + days,
        "tables": len(compared),
        "differing": ", ".join(differing),
    }


def _usual_seconds(whole: str, lake: Path, landing: Path) -> dict[str, float]:
    """Run a job with all its steps; about how long each of them, and daily_ledger, takes as a command."""
    began = time.monotonic()
    said = _said(whole, lake, landing)
    steps = {job: float(seconds) for job, seconds in re.findall(r"INFO (\w+) done in ([\d.]+) s", said)}
    start = time.monotonic() - began - sum(steps.values())
    daily = sum(steps.get(job.__name__, 0.0) for job in daily_ledger.STEPS)
    return {job: start + seconds for job, seconds in steps.items()} | {"daily_ledger": start + daily}


def _started(job: str, lake: Path, landing: Path) -> subprocess.Popen[str]:
    """A job in a process group of its own."""
    command = [str(cli.ROOT / "spark-submit.sh"), job, f"lake.path={lake}", f"ledger.path={landing}", *_TRADE]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, text=True
    )


def _said(job: str, lake: Path, landing: Path) -> str:
    """Run a job to its end."""
    process = _started(job, lake, landing)
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{job} ended with {process.returncode}:\n{said[-2000:]}")
    return said


def _is_killed(job: str, lake: Path, landing: Path, after_s: float) -> bool:
    """Start a job and kill it after a while; False if it was done before."""
    process = _started(job, lake, landing)
    try:
        process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    return False


def _compared(run: Run, one: Path, other: Path) -> tuple[list[str], list[str]]:
    """Names of the tables that either lake has, and of those that differ."""
    lakes = [with_settings(run, [f"lake.path={path}"]).lake for path in (one, other)]
    names = [
        name
        for name in sorted(run.lake.specs)
        if name not in OF_VERSIONS and any(lake.exists(name) for lake in lakes)
    ]
    differing = []
    for name in names:
        spec = run.lake.specs[name]
        left, right = (lake.read_or_empty(name).select(*spec.key, *spec.compared) for lake in lakes)
        if not (left.exceptAll(right).isEmpty() and right.exceptAll(left).isEmpty()):
            differing.append(name)
    return names, differing

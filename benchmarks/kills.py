"""Kill jobs of the data platform at seeded moments and run them again: are the tables as if nothing had been?

First every job of data_pipeline is started as a user would, and its whole process group is killed with
SIGKILL at a seeded moment of its work; then it is run to its end. For the rest of benchmark.kills, each
round delivers another day of the ledger and kills daily_ledger; the next round meets what that left behind. A
moment is so long after a line of the job's log, not after its start, as a job is faster on a machine that is
idle than it was when its time was taken. `ratio` is the share of tables that end up equal, row for row, to
those of a lake where nothing was killed; it must be 1.
"""

from __future__ import annotations

import logging
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

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
# Warnings come or stay away; what tells of a job's steps and tables is the same each time.
_OF_WORK = re.compile(r"Z INFO ")


@dataclass(frozen=True)
class Moment:
    """So many seconds after so many lines of a job's log."""

    lines: int
    seconds: float


@dataclass(frozen=True)
class Line:
    """A line of a log and the seconds from the start of the job to it."""

    text: str
    at: float


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
        usual = _said(whole, undisturbed, landing)
        if not jobs:
            shutil.copytree(undisturbed, disturbed)
        for job in jobs:
            killed += _is_killed(job, disturbed, landing, _moment(_lines_of(job, usual), draw))
            _said(job, disturbed, landing)
            log.info("%s: %d runs killed", job, killed)
        of_a_day: list[Line] = []
        for name in later:
            (landing / name).write_bytes(files[name])
            of_a_day = of_a_day or _said("daily_ledger", undisturbed, landing)
            killed += _is_killed("daily_ledger", disturbed, landing, _moment(of_a_day, draw))
            log.info("%s: %d runs killed", name, killed)
        # One of them has taken in the first of the later days already.
        for lake in (undisturbed, disturbed) if later[1:] else (disturbed,):
            _said("daily_ledger", lake, landing)
        compared, differing = _compared(run, undisturbed, disturbed)
    return {
        "ratio": round(1 - len(differing) / len(compared), 3),
        "killed": killed,
        "runs": len(jobs) + days,
        "tables": len(compared),
        "differing": ", ".join(differing),
    }


def _lines_of(job: str, said: Sequence[Line]) -> list[Line]:
    """What one of the steps said among all that a job of several steps said."""
    texts = [line.text for line in said]
    begins = next(at for at, text in enumerate(texts) if text.endswith(f"INFO {job} begins"))
    ends = next(at for at, text in enumerate(texts) if f"INFO {job} done in " in text)
    return list(said[begins : ends + 1])


def _moment(said: Sequence[Line], draw: random.Random) -> Moment:
    """Any moment between the first line that a job says and its last, each as probable as any other."""
    seconds = draw.uniform(0.0, said[-1].at - said[0].at)
    for lines, (before, after) in enumerate(pairwise(said), start=1):
        if seconds <= after.at - before.at:
            return Moment(lines, seconds)
        seconds -= after.at - before.at
    return Moment(len(said) - 1, seconds)


def _started(job: str, lake: Path, landing: Path) -> subprocess.Popen[str]:
    """A job in a process group of its own."""
    command = [str(cli.ROOT / "spark-submit.sh"), job, f"lake.path={lake}", f"ledger.path={landing}", *_TRADE]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, text=True
    )


def _said(job: str, lake: Path, landing: Path) -> list[Line]:
    """Run a job to its end; the lines of its log that tell of work."""
    process = _started(job, lake, landing)
    began = time.monotonic()
    lines = [Line(text.rstrip(), time.monotonic() - began) for text in process.stderr or ()]
    if process.wait():
        last = "\n".join(line.text for line in lines[-20:])
        raise RuntimeError(f"{job} ended with {process.returncode}:\n{last}")
    return [line for line in lines if _OF_WORK.search(line.text)]


def _is_killed(job: str, lake: Path, landing: Path, moment: Moment) -> bool:
    """Start a job and kill it at a moment, at the latest when it says the next line; False if it was done."""
    process = _started(job, lake, landing)
    timer = threading.Timer(moment.seconds, _kill, [process])
    seen = 0
    for text in process.stderr or ():
        if not _OF_WORK.search(text):
            continue
        seen += 1
        if seen == moment.lines:
            timer.start()
        elif seen > moment.lines:
            _kill(process)
    process.wait()
    timer.cancel()
    return process.returncode == -signal.SIGKILL


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and all of its group, once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


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

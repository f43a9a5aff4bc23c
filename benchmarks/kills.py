"""Kill the daily ledger job at seeded moments and run it again: are the tables those of an undisturbed run?

Every round delivers a day, starts the job as a user would, and kills its whole process group with SIGKILL
after a seeded part of the time that the job takes. The next round meets what that left behind. `ratio` is
the share of tables that end up equal, row for row, which must be 1.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from invoicelake import cli
from invoicelake.job import Run
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from scenarios import scratch, with_settings

TABLES = (
    "bronze.ledger_line",
    "bronze.ledger_line_rejected",
    "bronze.ledger_delivery",
    "silver.ledger_entry",
    "silver.ledger_entry_rejected",
    "silver.repair",
    "silver.ledger_day",
    "silver.product_profile",
    "silver.cancellation",
    "gold.daily_sales",
    "gold.ledger_reconciliation",
)


def measure(run: Run) -> dict[str, float | str]:
    """`ratio`, how many runs were killed, how many of them in the midst of their work."""
    rounds = run.suite.benchmark.kills
    files = ledger_files(with_settings(run, [f"trade.days={rounds + 10}", "trade.lines_per_day=60"]).suite)
    names = [name for name in sorted(files) if name > "2023"]
    draw = random.Random(run.suite.seed)
    with scratch(run) as folder:
        whole, killed = folder / "whole", folder / "killed"
        landing = folder / "delivered"
        landing.mkdir()
        first = names[:-rounds]
        for name in first:
            (landing / name).write_bytes(files[name])
        for lake in (whole, killed):
            _run_job(lake, landing)
        usual, in_the_midst = 0.0, 0
        for name in names[-rounds:]:
            (landing / name).write_bytes(files[name])
            usual = usual or _usual_seconds(whole, landing)
            was_killed = _run_job(killed, landing, kill_after_s=usual * draw.uniform(0.25, 1.0))
            in_the_midst += was_killed
        for lake in (whole, killed):
            _run_job(lake, landing)
        differing = [name for name in TABLES if _differs(run, whole, killed, name)]
    return {
        "ratio": round(1 - len(differing) / len(TABLES), 3),
        "killed": in_the_midst,
        "rounds": rounds,
        "differing": ", ".join(differing),
    }


def _usual_seconds(lake: Path, landing: Path) -> float:
    began = time.monotonic()
    _run_job(lake, landing)
    return time.monotonic() - began


def _run_job(lake: Path, landing: Path, kill_after_s: float | None = None) -> bool:
    """Start the job in a process group of its own; True if it was killed before it was done."""
    command = [
        str(cli.ROOT / "spark-submit.sh"),
        "daily_ledger",
        f"lake.path={lake}",
        f"ledger.path={landing}",
    ]
    job = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True, text=True
    )
    try:
        _, said = job.communicate(timeout=kill_after_s)
    except subprocess.TimeoutExpired:
        os.killpg(job.pid, signal.SIGKILL)
        job.communicate()
        return True
    if job.returncode:
        raise RuntimeError(f"daily_ledger ended with {job.returncode}:\n{said[-2000:]}")
    return False


def _differs(run: Run, one: Path, other: Path, name: str) -> bool:
    frames = [with_settings(run, [f"lake.path={lake}"]).lake.read(name) for lake in (one, other)]
    spec = run.lake.specs[name]
    columns = [*spec.key, *spec.compared]
    left, right = (frame.select(*columns) for frame in frames)
    return not (left.exceptAll(right).isEmpty() and right.exceptAll(left).isEmpty())

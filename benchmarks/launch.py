"""What it costs to launch two ranks that do next to nothing, in one run of both ways.

The ways: `horovod.spark.run` as it comes, and our Horovod launcher; each time in a new process with a Spark
session of its own, by turns. Seconds are from the call to its return, processor seconds those of all
processes that took part, Spark's among them; all are medians. `ratio` is Horovod's seconds to ours. `part_`
says where ours go, by the clock of the ranks; `floor` is what no launcher of Spark tasks that import
TensorFlow can do without: an empty Spark job of two tasks, and two processes that import it at once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from invoicelake.errors import JobError
from invoicelake.job import Run

_PROGRAM = Path(__file__).with_name("launch_once.py")
_IMPORT = "import horovod.tensorflow.keras"
WAYS = ("horovod", "ours")


def measure(run: Run) -> dict[str, float | str]:
    """Ratio, seconds of each way and of each part of ours, and the floor."""
    settings = run.suite.benchmark
    measured: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    imports = []
    for _ in range(settings.launch_repeats):
        for way in WAYS:
            measured[way].append(_launched(way, settings.launch_timeout_s))
        imports.append(_imported_by_two())
    found = {way: _medians(runs) for way, runs in measured.items()}
    ours = found["ours"]
    return {
        "ratio": round(found["horovod"]["seconds"] / ours["seconds"], 2),
        **{f"seconds_{way}": round(found[way]["seconds"], 1) for way in WAYS},
        **{f"processor_s_{way}": round(found[way]["processor_s"], 1) for way in WAYS},
        **{name: round(value, 2) for name, value in ours.items() if name.startswith("part_")},
        "floor": round(ours["empty_job"] + statistics.median(imports), 1),
        "floor_import": round(statistics.median(imports), 1),
        "floor_spark": round(ours["empty_job"], 1),
        "repeats": settings.launch_repeats,
    }


def _launched(way: str, timeout_s: int) -> dict[str, float]:
    """What one launch in a process of its own measured."""
    try:
        done = subprocess.run(
            [sys.executable, str(_PROGRAM), way],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise JobError(f"a launch by {way} took more than benchmark.launch_timeout_s={timeout_s}") from error
    if done.returncode != 0:
        raise JobError(f"a launch by {way} failed", done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _imported_by_two() -> float:
    """Seconds in which two processes at once import what a rank needs."""
    began = time.perf_counter()
    command = [sys.executable, "-c", _IMPORT]
    processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
    if any(process.wait() for process in processes):
        raise JobError(f"{_IMPORT!r} failed")
    return time.perf_counter() - began


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}

"""The whole ledger from CSV to gold: our jobs, one Spark job written by hand, and DuckDB, in one run.

All three make entries, cancellations and daily sales from the same files, and must agree on their sums. The
job by hand calls the same transforms on frames that it reads and writes itself: no checks, no merges, no
proof, no day by day. DuckDB does the like in SQL, without mending misspelt names. `ratio` is our median
time to that by hand, `ratio_to_duckdb` to DuckDB's; `ratio_scaled` is the time at benchmark.scale times the
rows to that at once.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import by_hand
import daily_ledger
import in_duckdb
from invoicelake.job import Run, step
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from scenarios import redated, scratch, with_settings

_REPEATS = 2
Sums = dict[str, tuple[int, int]]


def measure(run: Run) -> dict[str, float | str]:
    """Ratios, medians in seconds, rows, and the most memory that the JVM took."""
    with scratch(run) as folder:
        once = _delivered(folder / "once", _files(run), 1)
        ways: dict[str, Callable[[Path, Path], Sums]] = {
            "by_hand": lambda files, lake: by_hand.run_job(run, files, lake),
            "ours": lambda files, lake: _ours(run, files, lake),
            "duckdb": lambda files, lake: in_duckdb.run_job(run, files, lake),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for repeat in range(_REPEATS):
            sums = {}
            for name, way in ways.items():
                began = time.monotonic()
                sums[name] = way(once, folder / f"{name}-{repeat}")
                seconds[name].append(time.monotonic() - began)
            if not sums["ours"] == sums["by_hand"] == sums["duckdb"]:
                raise AssertionError(f"the three do not agree: {sums}")
        medians = {name: statistics.median(measured) for name, measured in seconds.items()}
        found: dict[str, float | str] = {
            "ratio": round(medians["ours"] / medians["by_hand"], 2),
            "ratio_to_duckdb": round(medians["ours"] / medians["duckdb"], 2),
            "rows": sum(rows for rows, _ in sums["ours"].values()),
            **{f"seconds_{name}": round(median, 1) for name, median in medians.items()},
        }
        return found | _scaled(run, folder, medians["ours"])


def _scaled(run: Run, folder: Path, seconds_once: float) -> dict[str, float | str]:
    scale = run.suite.benchmark.scale
    if scale == 1:
        return {}
    many = _delivered(folder / "many", _files(run), scale)
    began = time.monotonic()
    sums = _ours(run, many, folder / "scaled")
    seconds = time.monotonic() - began
    return {
        "scale": scale,
        "scaled_rows": sum(rows for rows, _ in sums.values()),
        "scaled_seconds": round(seconds, 1),
        "ratio_scaled": round(seconds / seconds_once, 2),
        "jvm_peak_mb": _jvm_peak_mb(run),
    }


def _files(run: Run) -> dict[str, bytes]:
    if run.suite.ledger.path:
        return {file.name: file.read_bytes() for file in sorted(Path(run.suite.ledger.path).glob("*.csv"))}
    whole_year = with_settings(run, ["trade.days=300", "trade.lines_per_day=1500"])
    return {name: content for name, content in ledger_files(whole_year.suite).items() if name > "2023"}


def _delivered(folder: Path, files: dict[str, bytes], copies: int) -> Path:
    """The files, or copies of them in years before and after: more days of the same size."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        day = date.fromisoformat(name[:10])
        for copy in range(copies):
            # More than a year and less than what exchange rates go back: 20 copies are 22 years.
            moved = day + (copy - copies // 2) * timedelta(days=400)
            (folder / f"{moved}.csv").write_bytes(redated(content, name[:10], str(moved)))
    return folder


def _ours(run: Run, files: Path, lake: Path) -> Sums:
    ours = with_settings(run, [f"lake.path={lake}", f"ledger.path={files}"])
    step(ours, "daily_ledger", daily_ledger.main)
    rows = ours.lake.read("gold.daily_sales").groupBy("kind").agg({"entries": "sum", "amount_minor": "sum"})
    return {row["kind"]: (int(row["sum(entries)"]), int(row["sum(amount_minor)"])) for row in rows.collect()}


def _jvm_peak_mb(run: Run) -> int:
    java = run.spark._jvm
    assert java is not None
    status = Path(f"/proc/{java.java.lang.ProcessHandle.current().pid()}/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) // 1024

"""What a day of the ledger costs once all days are loaded, against what it cost as the 10th day.

The same days are brought into two lakes, one that holds 9 days and one that holds all the others, in turns
and in one Spark session. `ratio` is the median time of the second to that of the first.
"""

from __future__ import annotations

import statistics
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import daily_ledger
from invoicelake.job import Run, step
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from scenarios import redated, scratch, with_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_FEW = 9
_MEASURED = 7


def measure(run: Run) -> dict[str, float | str]:
    """Days of ledger.path, or of a generated year: `ratio`, the two medians, files rewritten."""
    files = _files(run)
    names = sorted(files)
    samples, history = names[-_MEASURED:], names[:-_MEASURED]
    with scratch(run) as folder:
        few = _Ledger(run, folder / "few", {name: files[name] for name in history[:_FEW]})
        many = _Ledger(run, folder / "many", {name: files[name] for name in history})
        seconds: dict[str, list[float]] = {"few": [], "many": []}
        for name in samples:
            next_day = few.last + timedelta(days=1)
            seconds["few"].append(few.takes_in(next_day, redated(files[name], name[:10], str(next_day))))
            seconds["many"].append(many.takes_in(date.fromisoformat(name[:10]), files[name]))
        rewritten = many.files_rewritten(_MEASURED)
    # The first day of each warms the session up for what a day does.
    as_tenth = statistics.median(seconds["few"][1:])
    with_all = statistics.median(seconds["many"][1:])
    return {
        "ratio": round(with_all / as_tenth, 3),
        "seconds_as_10th_day": round(as_tenth, 2),
        "seconds_with_all_days": round(with_all, 2),
        "days_loaded": len(history),
        "files_rewritten": rewritten,
    }


def _files(run: Run) -> Mapping[str, bytes]:
    if run.suite.ledger.path:
        return {file.name: file.read_bytes() for file in Path(run.suite.ledger.path).glob("*.csv")}
    whole_year = with_settings(run, ["trade.days=300", "trade.lines_per_day=1500"])
    return {name: content for name, content in ledger_files(whole_year.suite).items() if name > "2023"}


class _Ledger:
    """A lake and the folder that its ledger is delivered to."""

    def __init__(self, run: Run, folder: Path, files: Mapping[str, bytes]) -> None:
        self._landing = folder / "delivered"
        self._landing.mkdir(parents=True)
        self._run, self._folder = run, folder
        for name, content in files.items():
            (self._landing / name).write_bytes(content)
        self.last = date.fromisoformat(max(files)[:10])
        self._daily([])

    def _daily(self, settings: list[str]) -> Run:
        where = [f"lake.path={self._folder / 'lake'}", f"ledger.path={self._landing}"]
        run = with_settings(self._run, [*where, *settings])
        step(run, "daily_ledger", daily_ledger.main)
        return run

    def takes_in(self, day: date, content: bytes) -> float:
        """Seconds from the delivery of a day to its reconciliation."""
        (self._landing / f"{day}.csv").write_bytes(content)
        self.last = day
        began = time.monotonic()
        self._daily([f"ledger.since={day}", f"ledger.until={day}"])
        return time.monotonic() - began

    def files_rewritten(self, days: int) -> int:
        """Files with older rows that the last days' commits took away from any table."""
        lake = with_settings(self._run, [f"lake.path={self._folder / 'lake'}"]).lake
        rewritten = 0
        for name in ("bronze.ledger_line", "silver.ledger_entry", "silver.repair", "gold.daily_sales"):
            history = lake.history(name, days).select("operationMetrics").collect()
            rewritten += sum(int(row[0].get("numTargetFilesRemoved", 0)) for row in history)
        return rewritten

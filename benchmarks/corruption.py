"""Seeded errors in clean ledger lines: how many of them cleaning finds, and how much else it changes.

Lines are those of ledger.path, or generated ones, that no rule has anything to say about. Of each kind of
error (missing, noise, outlier, swap, typo, duplicate) there is one in a hundred lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoicelake.evaluation.cleaning import corruption_scores
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from invoicelake.sources.landing import landing_folder
from invoicelake.sources.ledger.deliveries import delivered_files, parsed_lines
from invoicelake.transforms.ledger.received import accepted_lines

if TYPE_CHECKING:
    from invoicelake.job import Run

SHARE = 0.01
MIN_SALES = 20


def measure(run: Run) -> dict[str, float | str]:
    """Shares found, restored, and changed without need; by kind of error."""
    ledger, landing = run.suite.ledger, run.lake.side_folder("landing/ledger")
    folder = landing_folder(ledger.path, "ledger.path", landing, lambda: ledger_files(run.suite))
    files = delivered_files(run.spark, folder, ledger.since, ledger.until)
    lines = accepted_lines(parsed_lines(run.spark, files), ledger.source_name).drop("source_uri")
    lines.persist()
    try:
        return corruption_scores(lines, run.suite, SHARE, MIN_SALES)
    finally:
        lines.unpersist()

"""What benchmarks of the ledger share: scratch folders, runs with other settings, days under another date."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from invoicelake import cli, config
from invoicelake.job import Run


@contextmanager
def scratch(run: Run) -> Iterator[Path]:
    """An empty folder beside the lake's tables, removed afterwards."""
    beside = Path(run.lake.side_folder("benchmarks"))
    beside.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def with_settings(run: Run, overrides: Sequence[str]) -> Run:
    """A run of its own in the same session, with other settings."""
    return Run(run.job, config.load(cli.ROOT / "conf", overrides=overrides), run.spark)


def redated(content: bytes, day: str, other: str) -> bytes:
    """A day's file as if it were another day's."""
    return content.replace(f",{day} ".encode(), f",{other} ".encode())

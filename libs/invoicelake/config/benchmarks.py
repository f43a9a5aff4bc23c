"""Settings of the benchmarks."""

from __future__ import annotations

from pydantic import Field as Setting

from invoicelake.config.section import Section


class Benchmark(Section):
    """How much the benchmarks measure; for `benchmark NAME` alone."""

    scale: int = Setting(default=1, ge=1, description="How many times the rows `benchmark ledger` ends with")
    kills: int = Setting(default=50, ge=1, description="How many times `benchmark kills` kills the daily job")

"""Jobs run within the tests' own Spark session."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from invoicelake import config

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from invoicelake.job import Run

CONF = Path(__file__).resolve().parents[1] / "conf"


def run_job(spark: SparkSession, job: str, *settings: str) -> Run:
    """The run of a job with these settings, as `key=value`, after it is done."""
    from invoicelake.job import Run

    run = Run(job, config.load(CONF, overrides=settings), spark)
    importlib.import_module(job).main(run)
    return run

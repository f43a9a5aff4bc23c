"""The only place that opens Spark."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

interrupted = threading.Event()
"""Set once SIGINT has come; what was under way in Spark then fails in one way or another."""


@contextmanager
def started(name: str, slots: int = 1) -> Iterator[SparkSession]:
    """A Spark session with Delta.

    A session that is there already (on Databricks, in a test, within the pipeline) is used and left running;
    else one is opened with what the launcher passed, and stopped afterwards.

    Args:
        name: of the Spark application.
        slots: tasks that must be able to run at once; only an embedded Spark can be widened to that.
    """
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    builder = SparkSession.builder.appName(name)
    if os.environ.get("INVOICELAKE_ENV", "local") == "local":
        # local[*] on a machine with fewer cores than ranks would wait for the missing ones for ever.
        builder = builder.master(f"local[{max(os.cpu_count() or 1, slots)}]")
        # Spark would make this folder, which no table here lies in, in the user's working folder.
        builder = builder.config("spark.sql.warehouse.dir", f"{tempfile.gettempdir()}/spark-warehouse")
    spark = builder.getOrCreate()
    _stop_jobs_on_sigint(spark)
    try:
        yield spark
    finally:
        # After an interruption the connection to the JVM may be out of step; the JVM ends with this process.
        if not interrupted.is_set():
            spark.stop()


def _stop_jobs_on_sigint(spark: SparkSession) -> None:
    """Replace PySpark's handler, which speaks to the JVM in the midst of what this thread was saying."""

    def stop(number: int, frame: object) -> None:
        interrupted.set()
        # A thread of its own has a connection of its own.
        threading.Thread(target=spark.sparkContext.cancelAllJobs, daemon=True).start()
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, stop)

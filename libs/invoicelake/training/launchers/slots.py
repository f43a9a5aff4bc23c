"""What Spark has to offer to ranks."""

from __future__ import annotations

from typing import Any

from invoicelake.config import SettingsError


def spark_context() -> Any:
    """The running Spark context.

    Raises:
        RuntimeError: there is none.
    """
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is None:
        raise RuntimeError("ranks run as Spark tasks, and there is no Spark session")
    return context


def is_local(context: Any) -> bool:
    """Whether Spark's tasks run on this machine, in one Java process."""
    return bool(context.master.startswith("local"))


def require_slots(context: Any, processes: int) -> None:
    """Check that all ranks can run at once.

    Raises:
        SettingsError: an embedded Spark has fewer slots than there are ranks, so that some would never start.
    """
    slots = int(context.defaultParallelism)
    if is_local(context) and slots < processes:
        raise SettingsError(
            f"training.processes={processes}, but Spark runs only {slots} at once ({context.master}); "
            f"set training.processes={slots}, or start Spark with --master 'local[{processes}]'"
        )


def threads_per_rank(context: Any, processes: int) -> int:
    """Cores that each rank may use."""
    if is_local(context):
        return max(int(context.defaultParallelism) // processes, 1)
    return int(context.getConf().get("spark.task.cpus", "1"))

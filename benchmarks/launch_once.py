"""One launch of two ranks, for `benchmark launch`: `python launch_once.py horovod|ours`.

Prints what it measured as JSON, on the last line of standard output.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import psutil

from invoicelake import config, session
from invoicelake.training.launchers.slots import spark_context
from invoicelake.training.ranks import Rank

RANKS = 2
_ORDER = ("began", "entered", "imported", "met", "called", "returned")
_PARTS = ("spark", "interpreter", "import", "rendezvous", "unpickling", "function", "end")


def by_horovod() -> dict[str, float]:
    """As its documentation has it."""
    import horovod.spark

    sums = horovod.spark.run(_trivial_horovod, num_proc=RANKS, use_gloo=True, verbose=0)
    _require_met(sums)
    return {}


def _trivial_horovod() -> float:
    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init()
    return float(hvd.allreduce(tf.constant(1.0), op=hvd.Sum))


def by_us() -> dict[str, float]:
    """With the times at which ranks got so far."""
    from invoicelake.training.launchers.horovod_spark import HorovodLauncher

    launcher = HorovodLauncher(config.Training())
    asked = time.time()
    results = launcher.train(_trivial, RANKS)
    done = time.time()
    _require_met([total for total, _ in results])
    stamps = [launcher.up[rank]["times"] | times for rank, (_, times) in enumerate(results)]
    moments = [asked, *(max(stamp[name] for stamp in stamps) for name in _ORDER), done]
    pairs = zip(_PARTS, pairwise(moments), strict=True)
    return {f"part_{name}": after - before for name, (before, after) in pairs}


def _trivial(rank: Rank) -> tuple[float, dict[str, float]]:
    import numpy as np

    called = time.time()
    total = float(rank.total(np.array(1.0)))
    return total, {"called": called, "returned": time.time()}


def _require_met(sums: list[float]) -> None:
    if sums != [RANKS] * RANKS:
        raise AssertionError(f"each of {RANKS} ranks should have seen {RANKS} of them, they saw {sums}")


def _processor_s() -> float:
    """Processor seconds of this process and all that it ever started, as far as they were waited for."""
    own = psutil.Process()
    spent = (process.cpu_times() for process in [own, *own.children(recursive=True)])
    return sum(map(_all_of, spent))


def _all_of(times: Any) -> float:
    own, of_children = times.user + times.system, times.children_user + times.children_system
    return float(own + of_children)


def _empty_job() -> float:
    """Seconds of a Spark job of as many tasks in Python as there are ranks, at once, that do nothing."""
    began = time.perf_counter()
    rows = spark_context().parallelize(range(RANKS), RANKS)
    rows.barrier().mapPartitions(lambda given: given).collect()
    return time.perf_counter() - began


def main(launch: Callable[[], dict[str, float]]) -> None:
    """Measure a launch in a new Spark session."""
    with session.started("launch", slots=RANKS):
        spent, began = _processor_s(), time.perf_counter()
        parts = launch()
        found = {"seconds": time.perf_counter() - began, "processor_s": _processor_s() - spent, **parts}
        if parts:
            # Afterwards, for it starts what Spark starts Python tasks from.
            found["empty_job"] = _empty_job()
        sys.stdout.write(f"{json.dumps(found)}\n")
        sys.stdout.flush()
        # Horovod forks this process while it is connected to Spark; its session may not stop then.
        os._exit(0)


if __name__ == "__main__":
    main({"horovod": by_horovod, "ours": by_us}[sys.argv[1]])

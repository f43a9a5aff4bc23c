"""One rank's path against plain `model.fit`, and two ranks against one.

All train the extractor on the same rows in batches of one shape: rows are windows full of tokens, so that no
way has more padding than another. Each rank is bound to a core and has one thread. `ratio` is the time of a
step through the whole path (launcher, feed, Horovod's optimizer, our loop) on one rank, to that of
`model.fit` on arrays in memory. `efficiency` is the time of a step of one rank by itself, to that of two with
as many rows each; `ceiling` the same for two that know nothing of each other, which is the most that the
machine has to give. `exchange_share` is what of a step of two ranks goes into the exchange of gradients and
waiting for the other rank. All are medians of epochs by turns within one start of the ranks; an epoch lasts
as long as on the slower rank. `step_ms_beside` is a step of one rank by itself while the ranks are in touch,
as Horovod keeps them; `step_ms_touched` one of two that exchange nothing then.
"""

from __future__ import annotations

import logging
import os
import statistics
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

import feed_examples
from invoicelake import config
from invoicelake.tables import pin_files
from invoicelake.training.extractor_task import ExtractorTask
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import horovod_spark, launcher
from invoicelake.training.ranks import Event
from scaling_ranks import CPU, Times, Ways, one_rank, two_ranks
from scenarios import scratch

if TYPE_CHECKING:
    from invoicelake.job import Run

# Below the logger of the package, whose lines are shown.
log = logging.getLogger("invoicelake.benchmarks.scaling")

TOKENS, DOCUMENTS = 128, 600
# Arguments of Horovod's optimizer.
WAYS: Ways = {
    "together": None,
    "sparse": {"sparse_as_dense": False},
    "half": {"sparse_as_dense": True, "num_groups": 1, "half": True},
    "aggregate_4": {"sparse_as_dense": True, "num_groups": 1, "backward_passes_per_step": 4},
}
# What Horovod reads when it starts: how often it looks for tensors to exchange, and how many it joins.
STARTS: dict[str, dict[str, str]] = {
    "cycle_1_ms": {"HOROVOD_CYCLE_TIME": "1"},
    "cycle_10_ms": {"HOROVOD_CYCLE_TIME": "10"},
    "cycle_25_ms": {"HOROVOD_CYCLE_TIME": "25"},
    "no_fusion": {"HOROVOD_FUSION_THRESHOLD": "0", "HOROVOD_DISABLE_GROUP_FUSION": "1"},
}
# Ranks in touch twice a second alone, at the beginning of epochs, are as good as processes by themselves.
UNTOUCHED = {"HOROVOD_CYCLE_TIME": "500"}


def measure(run: Run) -> dict[str, float | str]:
    """Ratio, efficiency, and milliseconds of a step in each way."""
    settings = run.suite.benchmark
    with scratch(run) as folder:
        one, two = jobs_of(run.suite, folder)
        repeats = settings.scaling_repeats
        found = _launched(run, partial(one_rank, job=one, repeats=repeats), 1)
        pair = partial(two_ranks, alone=one, together=two, repeats=repeats)
        found |= _launched(run, partial(pair, ways={}), 2, UNTOUCHED)
        found |= _named(_launched(run, partial(pair, ways=WAYS), 2), {"alone": "beside", "apart": "touched"})
        for name, environment in STARTS.items():
            times = _launched(run, partial(pair, ways={name: None}), 2, environment)
            found |= _named(times, {"alone": f"beside_{name}", "apart": f"touched_{name}"})
    return _told(found, settings.scaling_steps)


def _named(times: Times, names: Mapping[str, str]) -> Times:
    every = dict(names) | {f"{old}{CPU}": f"{new}{CPU}" for old, new in names.items()}
    return {every.get(name, name): values for name, values in times.items()}


def jobs_of(suite: config.Suite, folder: Path) -> list[TrainingJob]:
    """A job for one rank and one for two, with as many rows for each rank, written below `folder`."""
    encoding = suite.encoding.model_copy(update={"max_tokens": TOKENS})
    layout, tensors = feed_examples.examples(suite.model_copy(update={"encoding": encoding}), DOCUMENTS)
    full = np.flatnonzero(layout.lengths(tensors) == TOKENS)
    task = ExtractorTask(suite.model, encoding, suite.fields, encoding.vocabulary_size, "benchmark")
    jobs = []
    for ranks in (1, 2):
        batch = suite.benchmark.scaling_rows * ranks
        rows = np.resize(full, suite.benchmark.scaling_steps * batch)
        table = folder / str(ranks)
        feed_examples.write_delta(table, layout, {name: values[rows] for name, values in tensors.items()})
        pinned = pin_files("benchmark", str(table), 0, {})
        given = {"launcher": "horovod", "batch_size": batch, "processes": ranks}
        training = suite.training.model_copy(update=given)
        jobs.append(TrainingJob(task, pinned, pinned, training, suite.seed, str(folder)))
    return jobs


def _launched(run: Run, function: Any, ranks: int, environment: Mapping[str, str] | None = None) -> Times:
    """Seconds of each epoch on the slower rank, in each way."""
    usual = horovod_spark._environment
    # Horovod reads it when it starts: ranks get it as they get the rest of their environment.
    with patch.object(horovod_spark, "_environment", lambda *given: usual(*given) | dict(environment or {})):
        # One model is compiled after the other, which is no stall.
        given = {"launcher": "horovod", "stall_timeout_s": 600}
        settings = run.suite.training.model_copy(update=given)
        of_ranks = launcher(settings, _tell).train(function, ranks)
    return {
        name: [max(each) for each in zip(*(times[name] for times in of_ranks), strict=True)]
        for name in of_ranks[0]
    }


def _tell(event: Event) -> None:
    if event["event"] == "measured":
        log.info("%s: %.3f s an epoch", event["way"], event["seconds"])


def _told(times: Times, steps: int) -> dict[str, float | str]:
    step_ms = {name: statistics.median(values) / steps * 1000 for name, values in times.items()}
    alone, together = step_ms["alone"], step_ms["together"]
    return {
        "ratio": round(step_ms["path"] / step_ms["plain"], 3),
        # Less in need of a quiet machine: what else runs there does not count.
        "ratio_cpu": round(step_ms["path_cpu"] / step_ms["plain_cpu"], 3),
        "efficiency": round(alone / together, 3),
        # Two busy cores share memory, and more where they are threads of one: the best there is to reach.
        "ceiling": round(alone / step_ms["apart"], 3),
        "efficiency_to_ceiling": round(step_ms["apart"] / together, 3),
        "exchange_share": round(1 - step_ms["apart"] / together, 3),
        **{f"efficiency_{name}": round(alone / step_ms[name], 3) for name in [*WAYS, *STARTS][1:]},
        "cores": os.cpu_count() or 1,
        "processor": _processor(),
        **{f"step_ms_{name}": round(value, 2) for name, value in step_ms.items()},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "unknown")

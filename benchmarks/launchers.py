"""The same training under each launcher: time of an epoch, how good the model got, memory.

The rows are the extractor's examples of generated documents, in Delta tables; epochs and rows of a step are
the same for all. `ratio` is the time of an epoch on two Horovod ranks to that of one rank in this process.
"""

from __future__ import annotations

import logging
import statistics
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import feed_examples
from invoicelake import config
from invoicelake.job import Run
from invoicelake.tables import pin_files
from invoicelake.training.extractor_task import ExtractorTask
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.loop import TrainingResult, train_rank
from peak_memory import PeakMemory
from scenarios import scratch

log = logging.getLogger("invoicelake.benchmarks.launchers")

RANKS = 2
_TRAIN_SHARE = 0.85
# The driver counts by what it has grown since the start, so those who train or validate in it come last.
_IN_DRIVER = "inprocess", "elephas", "elephas_asynchronous", "elephas_hogwild"


def measure(run: Run) -> dict[str, float | str]:
    """For each launcher: median seconds of an epoch after the first, seconds of all of it, the last epoch's
    validation score, the median share of those epochs that went into waiting for data on the rank that waited
    longest, and megabytes of all processes together at their peak.
    """
    with scratch(run) as folder:
        job = _job(run, folder)
        memory = PeakMemory()
        found: dict[str, float | str] = {"examples": sum(job.train.rows), "epochs": job.training.epochs}
        for name in _ordered():
            # Workers of its own: none that an earlier launcher has left warm.
            run.spark.sparkContext.environment["BENCHMARKED"] = name
            began = time.perf_counter()
            with memory.watched() as peak:
                result = _trained(job, name, str(folder / name))
            seconds = time.perf_counter() - began
            log.info("%s: %.1f s, %.0f MB, %s", name, seconds, peak.megabytes, result.history)
            found |= _figures(name, job, result)
            found |= {f"total_s_{name}": round(seconds, 1), f"memory_mb_{name}": round(peak.megabytes)}
    ratio = float(found["epoch_s_horovod"]) / float(found["epoch_s_inprocess"])
    return found | {"ratio": round(ratio, 2)}


def _ordered() -> list[str]:
    others = [name for name in get_args(config.LauncherName) if name not in _IN_DRIVER]
    return [*others, *_IN_DRIVER]


def _job(run: Run, folder: Path) -> TrainingJob:
    suite, settings = run.suite, run.suite.benchmark
    layout, tensors = feed_examples.examples(suite, settings.launcher_documents)
    cut = int(len(tensors[layout.target]) * _TRAIN_SHARE)
    for split, part in (("train", slice(cut)), ("validation", slice(cut, None))):
        feed_examples.write_delta(
            folder / split, layout, {name: values[part] for name, values in tensors.items()}
        )
    words = int(tensors["words"].max()) + 1
    return TrainingJob(
        task=ExtractorTask(suite.model, suite.encoding, suite.fields, words, "benchmark"),
        train=pin_files("benchmark", str(folder / "train"), 0, {}),
        validation=pin_files("benchmark", str(folder / "validation"), 0, {}),
        training=suite.training.model_copy(update={"epochs": settings.launcher_epochs}),
        seed=suite.seed,
        checkpoints="",
    )


def _trained(job: TrainingJob, name: str, checkpoints: str) -> TrainingResult:
    processes = 1 if name == "inprocess" else RANKS
    training = job.training.model_copy(update={"launcher": name, "processes": processes})
    given = replace(job, training=training, checkpoints=checkpoints)
    ranks = launcher(training).train(partial(train_rank, given), processes)
    return next(outcome for outcome in ranks if outcome is not None)


def _figures(name: str, job: TrainingJob, result: TrainingResult) -> dict[str, float | str]:
    last = result.history[-1]

    def usual(metric: str) -> float:
        return statistics.median(entry[metric] for entry in result.history[1:])

    return {
        f"epoch_s_{name}": round(usual("seconds"), 2),
        f"wait_share_{name}": round(usual("wait_share"), 4),
        f"score_{name}": round(last[f"val_{job.task.criterion.metric}"], 4),
    }

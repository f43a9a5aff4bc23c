"""The feed against other ways from the same rows to batches of tensors, in one run.

The rows are the extractor's examples of generated documents. The ways: Petastorm's Spark converter with its
documented TensorFlow recipe, on list columns; `make_batch_reader` on list columns; TFRecord files of packed
tensors through tf.data; our feed on a Delta table of packed tensors, streamed and held in memory; and pyarrow
alone, which reads and unpacks those columns and makes no batches. `ratio` is the feed's rows a second,
streamed, to those of the documented recipe, `ratio_to_ceiling` to those of pyarrow; all are medians of runs
by turns.
"""

from __future__ import annotations

import resource
import statistics
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import feed_examples
import feed_rivals
from invoicelake.job import Run
from invoicelake.tables import pin_files
from invoicelake.training.epoch_plan import Draw
from invoicelake.training.feed import Feed
from invoicelake.training.layout import Layout
from invoicelake.training.sources import Source, StreamedRows
from scenarios import scratch

BATCH = 32
_BUFFER_ROWS = 1024
_WARM_EPOCHS = 3
_LOST_AT_MOST = 10
_PAGE_MB = resource.getpagesize() / 2**20


def measure(run: Run) -> dict[str, float | str]:
    """Ratios, rows a second of each way, padding, and what 20 epochs leave behind."""
    suite, settings = run.suite, run.suite.benchmark
    with scratch(run) as folder:
        layout, tensors = feed_examples.examples(suite, settings.feed_rows)
        feed_examples.write_delta(folder / "delta", layout, tensors)
        rivals = feed_rivals.ways(run.spark, folder, layout, tensors, BATCH)
        del tensors
        streamed = StreamedRows(pin_files("benchmark", str(folder / "delta"), 0, {}), layout)
        ways: dict[str, Callable[[], int]] = {
            **rivals,
            "feed": partial(_fed, streamed, layout),
            "feed_held": partial(_fed, streamed.held(), layout),
        }
        rates, lost = _rates(ways, settings.feed_rows, settings.feed_repeats)
        found: dict[str, float | str] = {
            "ratio": round(rates["feed"] / rates["converter"], 2),
            "ratio_to_ceiling": round(rates["feed"] / rates["pyarrow"], 2),
            "rows": settings.feed_rows,
            "row_bytes": layout.row_bytes(),
            **{f"rows_per_s_{name}": round(rate) for name, rate in rates.items()},
            **{f"runs_that_lost_rows_{name}": runs for name, runs in lost.items() if runs},
            "padding_share": round(_padding(streamed, layout, suite.training.batch_size), 3),
            "padding_share_by_chance": round(_padding_by_chance(streamed, layout), 3),
        }
        return found | _left_behind(ways["feed"], settings.feed_epochs)


def _rates(
    ways: dict[str, Callable[[], int]], rows: int, repeats: int
) -> tuple[dict[str, float], dict[str, int]]:
    """Median rows a second of each way, after a run of each that does not count; runs that lost rows.

    Petastorm's pool of threads may tell the end before the last rows came. A way of others that gave too few
    is run again, a few times at most; the feed may lose none.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    lost = dict.fromkeys(ways, 0)
    for repeat in range(repeats + 1):
        for name, way in ways.items():
            took, given = _timed(way)
            while given < rows and not name.startswith("feed") and lost[name] < _LOST_AT_MOST:
                lost[name] += 1
                took, given = _timed(way)
            if given != rows:
                raise AssertionError(f"{name} gave {given} rows of {rows}")
            if repeat:
                seconds[name].append(took)
    return {name: rows / statistics.median(measured) for name, measured in seconds.items()}, lost


def _timed(way: Callable[[], int]) -> tuple[float, int]:
    began = time.perf_counter()
    given = way()
    return time.perf_counter() - began, given


def _fed(source: Source, layout: Layout) -> int:
    share = Feed(source, layout, Draw(BATCH, _BUFFER_ROWS, seed=0)).epoch()
    return sum(int(batch.weights.sum()) for batch in share.batches())


def _padding(source: Source, layout: Layout, batch_size: int, ranks: int = 2) -> float:
    """Mean over the ranks of a training job."""
    shares = []
    for rank in range(ranks):
        share = Feed(source, layout, Draw(batch_size, _BUFFER_ROWS, seed=0), rank, ranks).epoch()
        for _ in share.batches():
            pass
        shares.append(share.padding_share)
    return statistics.mean(shares)


def _padding_by_chance(source: Source, layout: Layout) -> float:
    """What it would be if batches were cut from rows as they come."""
    share = Feed(source, layout, Draw(BATCH, _BUFFER_ROWS)).epoch()
    for _ in share.batches():
        pass
    return share.padding_share


def _left_behind(epoch: Callable[[], int], epochs: int) -> dict[str, float | str]:
    threads = threading.active_count()
    sizes = []
    for _ in range(max(epochs, _WARM_EPOCHS + 1)):
        epoch()
        sizes.append(_resident_mb())
    return {
        "memory_growth_mb": round(sizes[-1] - sizes[_WARM_EPOCHS - 1], 1),
        "epochs": len(sizes),
        "threads_left": threading.active_count() - threads,
    }


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * _PAGE_MB

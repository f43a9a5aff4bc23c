"""Spark tasks that run all at once, as a job of its own thread: the one that waits stays open to Ctrl-C."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any


class BarrierTasks:
    """A Spark job of so many tasks, each of which runs `task` and gives what that yields.

    Args:
        context: the Spark context.
        task: takes an iterator that is of no use.
        number: of tasks.

    Attributes:
        ended: set when the job has.
        results: one a task, in their order.
        error: what the job failed with.
    """

    def __init__(self, context: Any, task: Callable[[Iterator[Any]], Iterator[Any]], number: int) -> None:
        self._context, self._task, self._number = context, task, number
        self._group = f"invoicelake ranks {uuid.uuid4()}"
        self.ended = threading.Event()
        self.results: list[Any] = []
        self.error: BaseException | None = None
        threading.Thread(target=self._run, name="ranks", daemon=True).start()

    def end(self, patience_s: float) -> None:
        """See the job end: by itself within a while, or else cancelled."""
        if self.ended.wait(patience_s):
            return
        self._context.cancelJobGroup(self._group)
        self.ended.wait(patience_s)

    def _run(self) -> None:
        try:
            self._context.setJobGroup(self._group, "ranks of a training job", interruptOnCancel=True)
            rows = self._context.parallelize(range(self._number), self._number)
            self.results = rows.barrier().mapPartitions(self._task).collect()
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()


def driver_address(context: Any) -> tuple[str, str]:
    """The driver's address as executors know it, and the one to listen at, another one behind a router."""
    conf = context.getConf()
    host = str(conf.get("spark.driver.host"))
    return host, str(conf.get("spark.driver.bindAddress", host))

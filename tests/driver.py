"""A driver that trains in a process of its own, so that it and all below it can be taken away."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Driver:
    """`small_training.py` in a process of its own, whose events are read as they come.

    Args:
        folder: for its tables, checkpoints and log.
        master: of Spark.
        address: of the driver.
    """

    def __init__(self, folder: Path, master: str, address: str) -> None:
        command = [sys.executable, str(ROOT / "tests" / "small_training.py"), str(folder), master, address]
        self.folder, self.log = folder, folder / "log"
        folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "PYTHONPATH": f"{ROOT / 'libs'}:{ROOT / 'tests'}",
            "SPARK_LOCAL_IP": address,
            # Embedded Spark's settings of these tests are not for a cluster.
            "PYSPARK_SUBMIT_ARGS": "pyspark-shell",
        }
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(command, **pipes, stderr=log, env=environment, text=True)
        self.pid = self._popen.pid
        self._events: queue.Queue[Any] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def train(self, **changes: Any) -> None:
        """Have it train, once it is done with what it was given before."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{json.dumps(changes)}\n")
        self._popen.stdin.flush()

    def events(self, kind: str, at_most_s: float, **facts: Any) -> list[Any]:
        """All events up to the next one of a kind that has these values, which is the last of them."""
        give_up, seen = time.monotonic() + at_most_s, []
        while True:
            try:
                event = self._events.get(timeout=max(give_up - time.monotonic(), 0.01))
            except queue.Empty:
                raise TimeoutError(f"no {kind} {facts} within {at_most_s} s: {self._told()}") from None
            if event is None:
                raise EOFError(self._told())
            seen.append(event)
            if event["event"] == kind and all(event[name] == value for name, value in facts.items()):
                return seen

    def until(self, kind: str, at_most_s: float, **facts: Any) -> Any:
        """The next event of a kind that has these values."""
        return self.events(kind, at_most_s, **facts)[-1]

    def end(self) -> None:
        """Kill it, and wait for its end."""
        self._popen.kill()
        self._popen.wait()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def _told(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


@contextmanager
def running(folder: Path, master: str, address: str) -> Iterator[Driver]:
    """A driver, killed at the end."""
    driver = Driver(folder, master, address)
    try:
        yield driver
    finally:
        driver.end()

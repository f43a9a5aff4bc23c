"""Workers of Elephas tell the driver of themselves while they train, and one that hangs ends the job."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from invoicelake.training.launchers.barrier_tasks import driver_address
from invoicelake.training.launchers.heartbeat import Heartbeat
from invoicelake.training.launchers.rank_output import event_in
from invoicelake.training.launchers.rank_server import RankServer, served
from invoicelake.training.launchers.rank_task import event_line, keep_alive
from invoicelake.training.launchers.watch import Watch
from invoicelake.training.ranks import RankFailed

if TYPE_CHECKING:
    from invoicelake.training.ranks import Event, Rank

_POLL_S = 0.5
_CONNECT_S = 20
_LAST_WORDS_S = 1.0
_OF_A_GROUP = ("spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel")


@dataclass(frozen=True)
class Ear:
    """Where the driver listens to workers.

    Attributes:
        host: its address.
        port: there.
        token: by which it knows its own workers.
    """

    host: str
    port: int
    token: str


@contextmanager
def watched(context: Any, workers: int, limit_s: float) -> Iterator[Ear]:
    """Watch the workers of the Spark jobs that this thread runs meanwhile.

    Args:
        context: the Spark context.
        workers: number of them.
        limit_s: as of `Watch`.

    Raises:
        RankFailed: one hung; the jobs have been cancelled.
    """
    watch, over, group = (
        Watch(workers, limit_s, is_together=False),
        threading.Event(),
        f"workers {uuid.uuid4()}",
    )
    host, listening = driver_address(context)
    server = RankServer(listening, partial(_hear, watch), watch.forget)
    found: list[tuple[str, str]] = []

    def look() -> None:
        while not over.wait(_POLL_S):
            if stall := watch.stall():
                found.append(stall)
                context.cancelJobGroup(group)
                return

    with served(server), _job_group(context, group):
        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            yield Ear(host, server.port, server.token)
        except Exception as error:
            if found:
                raise RankFailed(*found[0], is_passing=True) from error
            raise
        finally:
            over.set()
            looking.join()
            server.hang_up()
            server.cut_off(_LAST_WORDS_S)


@contextmanager
def told(ear: Ear, rank: Rank) -> Iterator[None]:
    """Tell the driver of a worker, from a thread beside the calling one, which trains."""
    with socket.create_connection((ear.host, ear.port), _CONNECT_S) as driver:
        keep_alive(driver)
        driver.sendall(f"{ear.token} {rank.index}\n".encode())

        def emit(event: Event) -> None:
            driver.sendall(event_line(event).encode())

        heartbeat = Heartbeat(rank.index, emit, threading.current_thread())
        heartbeat.of(rank)
        heartbeat.start()
        try:
            yield
        finally:
            heartbeat.stop()


def _hear(watch: Watch, line: str) -> None:
    event = event_in(line)
    if event is not None:
        watch.take(event)


@contextmanager
def _job_group(context: Any, name: str) -> Iterator[None]:
    """Let the Spark jobs of this thread be cancelled by a name."""
    before = {key: context.getLocalProperty(key) for key in _OF_A_GROUP}
    context.setJobGroup(name, "workers of a training job", interruptOnCancel=True)
    try:
        yield
    finally:
        for key, value in before.items():
            context.setLocalProperty(key, value)

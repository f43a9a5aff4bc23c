"""Ranks as Horovod processes started by Spark tasks, which average gradients at every step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import cloudpickle

from invoicelake import config
from invoicelake.training.launchers.barrier_tasks import BarrierTasks, driver_address
from invoicelake.training.launchers.rank_output import RankOutput
from invoicelake.training.launchers.rank_server import RankServer, Rendezvous, served
from invoicelake.training.launchers.rank_task import Order, run_rank
from invoicelake.training.launchers.slots import (
    await_slots,
    present_slots,
    refuse_dynamic_allocation,
    require_slots,
    spark_context,
    threads_per_rank,
)
from invoicelake.training.launchers.watch import BUSY_LIMITS, Watch
from invoicelake.training.ranks import Event, Listener, Rank, RankFailed, RanksLate

log = logging.getLogger(__name__)
T = TypeVar("T")

_POLL_S = 0.05
# After this long, ranks that have not noticed that another one failed are ended.
_GRACE_S = 5.0
_HOROVOD_STALL_S = 300
# Longer than their tasks wait for last words; Spark would begin a failed job anew, and wait for slots.
_END_S = 6.0
_LAST_WORDS_S = 5.0


class HorovodLauncher:
    """Starts as many Spark tasks as ranks, all at once, each of which starts a process.

    Horovod's own way, `horovod.spark.run`, comes to the same processes by another and longer road, on which
    every machine must call its network interface by one name.

    Args:
        settings: how long ranks may take to come up, and may hang.
        listener: takes the events that the chief reports.
        interrupt: when it is set, ranks are ended.

    Attributes:
        up: of each rank of the last run, what it said when it had met the others.
    """

    def __init__(
        self,
        settings: config.Training,
        listener: Listener | None = None,
        interrupt: threading.Event | None = None,
    ) -> None:
        self._settings = settings
        self._listener = listener
        self._interrupt = interrupt or threading.Event()
        self.up: Mapping[int, Event] = {}

    def train(self, function: Callable[[Rank], T], processes: int) -> list[T]:
        """Run `function` as `processes` ranks.

        Raises:
            RankFailed: as of `Launcher`.
            RanksInterrupted: `interrupt` was set.
            SettingsError: there are not as many slots as ranks.
        """
        context = spark_context()
        refuse_dynamic_allocation(context)
        require_slots(context, processes)
        await_slots(context, processes, self._settings.start_timeout_s)
        watch = Watch(processes, self._settings.stall_timeout_s)
        output = RankOutput(self._listener, watch)
        self.up = output.up
        host, listening = driver_address(context)
        server, rendezvous = RankServer(listening, output.write, output.gone), Rendezvous(listening)
        order = Order(
            host=host,
            port=server.port,
            rendezvous_port=rendezvous.server_port,
            token=server.token,
            function=cloudpickle.dumps(function),
            environment=_environment(threads_per_rank(context, processes), self._settings),
        )
        with served(rendezvous), served(server):
            tasks = BarrierTasks(context, partial(run_rank, order), processes)
            try:
                self._wait(tasks, output, watch, processes)
            finally:
                server.hang_up()
                tasks.end(_END_S)
                server.cut_off(_LAST_WORDS_S)
        return _results(tasks, output)

    def _wait(self, tasks: BarrierTasks, output: RankOutput, watch: Watch, processes: int) -> None:
        """Wait until the tasks have ended, or a rank has failed and the others had time to notice."""
        limit_s = self._settings.start_timeout_s
        give_up = time.monotonic() + limit_s
        met = False
        while not tasks.ended.wait(_POLL_S):
            now = time.monotonic()
            if output.failed_at is not None and now > output.failed_at + _GRACE_S:
                return
            if output.failed_at is None and (stall := watch.stall()):
                raise RankFailed(*stall, is_passing=True)
            if self._interrupt.is_set():
                raise RanksInterrupted
            if len(output.up) == processes:
                met = met or _tell(output.up)
            elif now > give_up:
                raise RanksLate(
                    f"{len(output.up)} of {processes} ranks came up within {limit_s} s; "
                    f"see that Spark has {processes} free slots, or set training.start_timeout_s",
                    is_passing=present_slots(spark_context()) < processes,
                )


def _tell(up: Mapping[int, Event]) -> bool:
    places = (f"{rank} at {event['host']} ({event['interface']})" for rank, event in sorted(up.items()))
    log.info("%d ranks met: %s", len(up), ", ".join(places))
    return True


class RanksInterrupted(Exception):
    """Ranks were ended because they were asked to."""


def _results(tasks: BarrierTasks, output: RankOutput) -> list[Any]:
    if tasks.error is not None or output.failed_at is not None:
        raise output.failure(tasks.error) from tasks.error
    return [cloudpickle.loads(result) for _, result in tasks.results]


def _environment(threads: int, settings: config.Training) -> dict[str, str]:
    exact = {
        # Fused with others, a tensor would be summed over three ranks or more in an order that varies.
        "HOROVOD_FUSION_THRESHOLD": "0",
        "HOROVOD_DISABLE_GROUP_FUSION": "1",
    }
    return (exact if settings.deterministic else {}) | {
        "OMP_NUM_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "HOROVOD_CYCLE_TIME": str(settings.cycle_time_ms),
        # Ranks that start on a busy machine may be far apart; by itself Horovod allows them 30 s.
        "HOROVOD_GLOO_TIMEOUT_SECONDS": str(settings.start_timeout_s),
        # Who is missing from an exchange is told before ranks are ended for it.
        "HOROVOD_STALL_CHECK_TIME_SECONDS": str(max(settings.stall_timeout_s // 3, 1)),
        # By itself Horovod waits for ever for a rank that hangs; the watch, which says who does, comes first.
        "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": str(
            max((BUSY_LIMITS + 1) * settings.stall_timeout_s, _HOROVOD_STALL_S)
        ),
    }

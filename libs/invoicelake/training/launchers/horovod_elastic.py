"""Horovod ranks that come and go: training goes on with as many as Spark has slots for at the time.

Ranks are started anew, from the last checkpoint, when their number changes; the feed shares out the rows that
no rank has seen in the epoch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.training.launchers.horovod_spark import HorovodLauncher, RanksInterrupted
from invoicelake.training.launchers.restarting import LastCheckpoint, Tries
from invoicelake.training.launchers.slots import SlotsMissing, present_slots, spark_context
from invoicelake.training.ranks import Event, Rank, RankFailed

log = logging.getLogger(__name__)

T = TypeVar("T")

_POLL_S = 0.5
_SETTLE_S = 10.0
"""Time in which a lost executor comes back where Spark replaces it; with fewer ranks, starting is in vain."""


class ElasticLauncher:
    """Starts ranks again with fewer or more of them.

    Args:
        settings: say how few ranks will do, and how often a failure may come.
        last: where they go on.
    """

    def __init__(self, settings: config.Training, last: LastCheckpoint) -> None:
        self._settings, self._last = settings, last

    def train(self, function: Callable[[Rank], T], processes: int) -> list[T]:
        """Run `function` as `processes` ranks, or as many as there is room for."""
        tries = Tries(self._last, self._settings.max_restarts)
        while True:
            size = self._awaited_size(processes)
            try:
                return self._train(function, size, processes)
            except RanksInterrupted:
                place = str(self._last)
                log.info("there is room for more than %d ranks; starting more, from %s", size, place)
                continue
            except SlotsMissing as error:
                # One was lost after they were counted; counted anew, fewer may do.
                failure = RankFailed(str(error), is_passing=True)
            except RankFailed as error:
                failure = error
            tries.take(failure)
            told = str(failure), str(self._last)
            log.warning("%s; starting as many as there is room for, from %s", *told)

    def _train(self, function: Callable[[Rank], T], size: int, wanted: int) -> list[T]:
        interrupt = threading.Event()

        def listen(event: Event) -> None:
            self._last(event)
            is_kept = event["event"] in ("checkpoint", "epoch")
            if is_kept and size < wanted and present_slots(spark_context()) > size:
                interrupt.set()

        log.info("training with %d ranks", size)
        return HorovodLauncher(self._settings, listen, interrupt).train(function, size)

    def _awaited_size(self, wanted: int) -> int:
        """How many ranks to start, once there is room for enough of them."""
        began, enough = time.monotonic(), self._settings.min_processes
        while True:
            slots, waited_s = present_slots(spark_context()), time.monotonic() - began
            if slots >= wanted or (slots >= enough and waited_s >= _SETTLE_S):
                return min(slots, wanted)
            if waited_s > self._settings.start_timeout_s:
                raise JobError(
                    f"Spark has room for {slots} ranks, training.min_processes={enough} are needed, and no "
                    f"more came within {self._settings.start_timeout_s} s; what is trained so far is kept: "
                    "give the same command again when there are more"
                )
            time.sleep(_POLL_S)

"""Work ahead of whoever asks, on one thread and only so far."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_NOTICED_WITHIN_S = 0.05


@dataclass(frozen=True)
class _End:
    """After the last item: what the thread ended with."""

    error: BaseException | None = None


def prefetched(items: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """Yield `items`, which run on a thread that is up to `depth` of them ahead.

    What they raise is raised here. When this generator ends or is closed, the thread has ended and `items`
    are closed.
    """
    ahead: queue.Queue[T | _End] = queue.Queue(depth)
    is_abandoned = threading.Event()

    def hand_over(item: T | _End) -> bool:
        while not is_abandoned.is_set():
            try:
                ahead.put(item, timeout=_NOTICED_WITHIN_S)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            with closing(items):
                for item in items:
                    if not hand_over(item):
                        return
        except BaseException as error:
            hand_over(_End(error))
        else:
            hand_over(_End())

    thread = threading.Thread(target=work, name="prefetched", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ahead.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        is_abandoned.set()
        thread.join()

"""Horovod 0.28.1 made fit to run beside other work in one driver."""

from __future__ import annotations

import codecs
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

log = logging.getLogger(__name__)


@contextmanager
def adapted_horovod(stop: threading.Event) -> Iterator[None]:
    """Within this context Horovod starts at once, ends when `stop` is set, and leaves signals alone.

    By itself it asks whether it was built with Gloo by importing TensorFlow in a fork (10 s, and the
    fork breaks Spark's connections); it takes over SIGINT and SIGTERM for good; and it hands on what ranks
    write in blocks of 64 KiB.
    """
    from horovod.runner import gloo_run, launch
    from horovod.runner.common.util import network
    from horovod.spark import runner

    with (
        _replaced(runner, "_make_mapper", _quiet(runner._make_mapper)),
        _replaced(launch, "gloo_built", lambda verbose=False: True),
        _replaced(gloo_run, "register_shutdown_event", lambda: stop),
        _replaced(threading, "excepthook", _log_thread_error),
        _replaced(network, "shutil", SimpleNamespace(copyfileobj=_copy_as_it_comes)),
    ):
        yield


def _log_thread_error(given: threading.ExceptHookArgs) -> None:
    """A cancelled Spark job ends Horovod's thread with a page of Java; the cause is told by `RankOutput`."""
    log.debug("thread %s ended", given.thread, exc_info=given.exc_value)


def _quiet(make_mapper: Callable[..., Any]) -> Callable[..., Any]:
    """Make tasks silent about their threads: those of a rank that was ended complain of closed pipes."""

    def make(*given: Any) -> Callable[[int, Any], Iterator[Any]]:
        mapper = make_mapper(*given)

        def quiet_mapper(index: int, rows: Any) -> Iterator[Any]:
            threading.excepthook = lambda _: None
            yield from mapper(index, rows)

        return quiet_mapper

    return make


@contextmanager
def _replaced(module: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _copy_as_it_comes(source: Any, target: Any) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    while chunk := source.stream.read1(65536):
        target.write(decoder.decode(chunk))

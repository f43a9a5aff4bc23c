"""The process of a Horovod rank, as its Spark task starts it: `python -m … FILE_NUMBER_OF_RESULT`."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from functools import partial
from typing import IO

from invoicelake.training.launchers.heartbeat import Heartbeat, threads_now
from invoicelake.training.launchers.rank_task import event_line
from invoicelake.training.ranks import Event

_PARENT = 0


def emit(event: Event) -> None:
    """Send an event to the driver, among what this process prints."""
    sys.stdout.write(event_line(event))
    sys.stdout.flush()


def main() -> None:
    """Read a function from standard input, run it as a rank, and write what it gave."""
    entered = time.time()
    with open(_PARENT, "rb", buffering=0, closefd=False) as parent:
        function = _read(parent, int.from_bytes(_read(parent, 8), "big"))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Without the driver or the Spark task, the work would be lost.
    end = partial(os._exit, 1)
    heartbeat = Heartbeat(int(os.environ["HOROVOD_RANK"]), emit, threading.main_thread(), end)
    heartbeat.start()
    times = {"began": float(os.environ["INVOICELAKE_RANK_BEGAN"]), "entered": entered}
    try:
        result = _run(function, times, heartbeat)
    except BaseException as error:
        cause = f"{type(error).__name__}: {error}"
        rank = int(os.environ["HOROVOD_RANK"])
        emit({"event": "failed", "rank": rank, "cause": cause, "trace": traceback.format_exc()})
        sys.exit(1)
    with os.fdopen(int(sys.argv[1]), "wb") as file:
        file.write(result)


def _run(function: bytes, times: dict[str, float], heartbeat: Heartbeat) -> bytes:
    """Run a function as a rank; `times` are seconds since 1970 at which this process had got so far."""
    import horovod.tensorflow.keras as hvd

    times["imported"] = time.time()
    threads = threads_now()
    hvd.init()
    heartbeat.leave_out(threads_now() - threads)
    times["met"] = time.time()
    place = {"host": os.environ["INVOICELAKE_RANK_HOST"], "interface": os.environ["HOROVOD_GLOO_IFACE"]}
    emit({"event": "up", "rank": hvd.rank(), **place, "times": times})

    import cloudpickle

    from invoicelake.training.launchers.horovod_rank import HorovodRank

    rank = HorovodRank(emit)
    heartbeat.of(rank)
    result: bytes = cloudpickle.dumps(cloudpickle.loads(function)(rank))
    return result


def _read(stream: IO[bytes], size: int) -> bytes:
    parts = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _end_with_parent() -> None:
    """Wait for the end of the pipe from the task, which nothing more is written to."""
    os.read(_PARENT, 1)
    os._exit(1)


if __name__ == "__main__":
    main()

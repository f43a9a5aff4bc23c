"""What runs a rank where Spark puts it: a task that starts a process and stays by it.

The process is the task's child and not the task itself: it begins with an environment of its own, what it
prints is heard, and how it ended is known. It ends with its task, and with the connection to the driver.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from invoicelake.training.devices import GIVEN, given_to_task
from invoicelake.training.launchers.rank_places import interface_to_others, place, require_own_name

MARK = "\x1einvoicelake "
_CONNECT_S = 20
_LAST_WORDS_S = 5


@dataclass(frozen=True)
class Order:
    """What the tasks of a job are told.

    Attributes:
        host: the driver's, by the address that Spark's executors have for it.
        port: where the driver listens to ranks.
        rendezvous_port: where it serves Horovod's key-value store.
        token: by which it knows them.
        function: pickled; takes a `Rank`.
        environment: of the rank's process, besides that of its task.
    """

    host: str
    port: int
    rendezvous_port: int
    token: str
    function: bytes
    environment: Mapping[str, str]


def run_rank(order: Order, _: Iterator[Any]) -> Iterator[tuple[int, bytes]]:
    """As a barrier task, run one rank; give its process's exit code, and what the function gave, pickled.

    A rank that fails does not fail its task: Spark would begin all of them anew, without a word.
    """
    from pyspark import BarrierTaskContext

    context = BarrierTaskContext.get()
    rank = context.partitionId()
    hosts = [info.address.rpartition(":")[0] for info in context.getTaskInfos()]
    require_own_name(rank, hosts)
    with (
        _connection(order, f"rank {rank} at {hosts[rank]}") as driver,
        tempfile.TemporaryFile() as result,
    ):
        keep_alive(driver)
        driver.sendall(f"{order.token} {rank}\n".encode())
        with _started(order, _environment(order, rank, hosts), result) as process:
            code = _stay_by(process, driver)
        with contextlib.suppress(OSError):
            driver.sendall(event_line({"event": "ended", "rank": rank, "code": code}).encode())
            driver.shutdown(socket.SHUT_RDWR)
        result.seek(0)
        yield code, result.read()


def event_line(event: Mapping[str, Any]) -> str:
    """An event as the driver finds it among what a rank prints."""
    return f"{MARK}{json.dumps(dict(event))}\n"


def _connection(order: Order, who: str) -> socket.socket:
    try:
        return socket.create_connection((order.host, order.port), _CONNECT_S)
    except OSError as error:
        raise ConnectionError(
            f"{who} does not reach the driver at {order.host}:{order.port} ({error}); see that no firewall "
            "is between them, and that spark.driver.host is an address that executors can use"
        ) from error


def keep_alive(connection: socket.socket) -> None:
    """Learn within half a minute that the other machine is gone, which a network does not tell by itself."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _environment(order: Order, rank: int, hosts: list[str]) -> dict[str, str]:
    interface = interface_to_others(rank, hosts)
    return {
        **os.environ,
        # What Spark has added for this application, such as the package in the executor's folder.
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONUNBUFFERED": "1",
        **order.environment,
        **place(rank, hosts),
        "HOROVOD_CONTROLLER": "gloo",
        "HOROVOD_CPU_OPERATIONS": "gloo",
        "HOROVOD_GLOO_RENDEZVOUS_ADDR": order.host,
        "HOROVOD_GLOO_RENDEZVOUS_PORT": str(order.rendezvous_port),
        "HOROVOD_GLOO_IFACE": interface,
        "NCCL_SOCKET_IFNAME": interface,
        GIVEN: " ".join(given_to_task()),
        "INVOICELAKE_RANK_HOST": hosts[rank],
        "INVOICELAKE_RANK_BEGAN": str(time.time()),
    }


@contextlib.contextmanager
def _started(
    order: Order, environment: Mapping[str, str], result: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "invoicelake.training.launchers.rank_process", str(result.fileno())],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(result.fileno(),),
    )
    assert process.stdin is not None
    try:
        # Left open: the process ends when this one does, however it does.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(len(order.function).to_bytes(8, "big") + order.function)
            process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.wait()


def _stay_by(process: subprocess.Popen[bytes], driver: socket.socket) -> int:
    """Hand on what the process prints until it ends; end it when the driver hangs up."""
    threading.Thread(target=_end_with, args=(driver, process), daemon=True).start()
    told = threading.Thread(target=_hand_on, args=(process, driver), daemon=True)
    told.start()
    code = process.wait()
    told.join(_LAST_WORDS_S)
    return code


def _end_with(driver: socket.socket, process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        while driver.recv(1024):
            pass
    process.send_signal(signal.SIGKILL)


def _hand_on(process: subprocess.Popen[bytes], driver: socket.socket) -> None:
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        while chunk := os.read(process.stdout.fileno(), 65536):
            driver.sendall(chunk)

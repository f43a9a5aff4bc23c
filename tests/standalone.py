"""A Spark standalone cluster for tests: a master and two workers from the installed pyspark.

Each worker lives in a network namespace of its own, on one bridge, so that what travels between driver,
executors and ranks goes by their addresses and not by loopback. Where namespaces may not be made, all of it
listens on 127.0.0.1.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyspark

SPARK_HOME = Path(pyspark.__file__).parent
_NAMES = Path("/etc/netns")
_START_S = 90
_MEMORY = "2g"


@dataclass(frozen=True)
class Machine:
    """Where a process of the cluster runs: its address, and the words that a command there begins with."""

    address: str
    prefix: tuple[str, ...] = ()


class Worker:
    """A worker of a cluster; to be killed at the end.

    Args:
        name: of its files.
        machine: where it runs.
        master: URL of the cluster's master.
        folder: for its log, and below it the executors' folders.
    """

    def __init__(self, name: str, machine: Machine, master: str, folder: Path) -> None:
        self.address = machine.address
        self._machine, self._master, self._folder, self._log = machine, master, folder, folder / f"{name}.log"
        self.work_folder = folder / name
        self._stack = ExitStack()

    def start(self) -> None:
        """Start it, with one core, and wait until the master knows it."""
        size = ["--cores", "1", "--memory", _MEMORY, "--port", "0", "--webui-port", "0"]
        arguments = [*size, "--work-dir", str(self.work_folder), self._master]
        self._stack.enter_context(
            _running("worker.Worker", self._machine, arguments, self._folder, self._log)
        )
        _said(self._log, "Successfully registered with master")

    def kill(self) -> None:
        """Kill it, and the executors that it started, as when its machine is lost."""
        self._stack.close()


@dataclass(frozen=True)
class Cluster:
    """A running cluster.

    Attributes:
        master: URL of its master.
        address: of the driver.
        workers: as many as were asked for.
    """

    master: str
    address: str
    workers: tuple[Worker, ...]

    def executors(self) -> list[list[Path]]:
        """The working folders of the executors that each worker has had."""
        return [sorted(worker.work_folder.glob("app-*/*")) for worker in self.workers]


@contextmanager
def started(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A cluster of so many workers with a core each, gone afterwards with all that ran on it."""
    with ExitStack() as stack:
        driver, machines = stack.enter_context(_network(workers))
        log = folder / "master.log"
        stack.enter_context(
            _running("master.Master", driver, ["--port", "0", "--webui-port", "0"], folder, log)
        )
        master = _said(log, r"Starting Spark master at (spark://\S+)")
        started_workers = []
        for number, machine in enumerate(machines):
            worker = Worker(f"worker-{number}", machine, master, folder)
            stack.callback(worker.kill)
            worker.start()
            started_workers.append(worker)
        yield Cluster(master, driver.address, tuple(started_workers))


@contextmanager
def _running(
    daemon: str, machine: Machine, arguments: Sequence[str], folder: Path, log: Path
) -> Iterator[None]:
    command = [*machine.prefix, str(SPARK_HOME / "bin" / "spark-class"), f"org.apache.spark.deploy.{daemon}"]
    command += ["--host", machine.address, *arguments]
    # Nothing of this process's environment: what jobs need there has to be sent.
    environment = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
    environment |= {"SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": machine.address, "LC_ALL": "C.UTF-8"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _said(log: Path, pattern: str) -> str:
    """What a daemon says in its log, once it has said it."""
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found[found.re.groups]
        time.sleep(0.2)
    raise TimeoutError(f"{log} does not say {pattern!r}:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def _network(workers: int) -> Iterator[tuple[Machine, list[Machine]]]:
    """The driver's machine and those of the workers."""
    name = f"ivl{os.getpid() % 100_000}"
    subnet = f"10.211.{os.getpid() % 256}"
    spaces = [f"{name}w{number}" for number in range(workers)]
    try:
        if not _make_bridge(name, f"{subnet}.1/24"):
            yield Machine("127.0.0.1"), [Machine("127.0.0.1")] * workers
            return
        for number, space in enumerate(spaces):
            _make_space(space, name, f"{subnet}.{10 + number}/24")
        yield (
            Machine(f"{subnet}.1"),
            [
                Machine(f"{subnet}.{10 + number}", ("ip", "netns", "exec", space))
                for number, space in enumerate(spaces)
            ],
        )
    finally:
        for space in spaces:
            _ip("netns", "del", space)
            shutil.rmtree(_NAMES / space, ignore_errors=True)
        _ip("link", "del", name)


def _make_bridge(name: str, address: str) -> bool:
    commands = [
        ("link", "add", name, "type", "bridge"),
        ("addr", "add", address, "dev", name),
        ("link", "set", name, "up"),
    ]
    return shutil.which("ip") is not None and all(_ip(*command) for command in commands)


def _make_space(space: str, bridge: str, address: str) -> None:
    # Its interface has another name on each machine, as on machines of several kinds.
    inner = f"{space}n"
    # Machines of a cluster know their own names; what lies here stands for /etc/hosts in that namespace.
    (_NAMES / space).mkdir(parents=True, exist_ok=True)
    own = f"127.0.0.1 localhost\n{address.partition('/')[0]} {socket.gethostname()}\n"
    (_NAMES / space / "hosts").write_text(own, encoding="ascii")
    for command in (
        ("netns", "add", space),
        ("link", "add", f"{space}v", "type", "veth", "peer", "name", inner, "netns", space),
        ("link", "set", f"{space}v", "master", bridge, "up"),
        ("-n", space, "addr", "add", address, "dev", inner),
        ("-n", space, "link", "set", inner, "up"),
        ("-n", space, "link", "set", "lo", "up"),
    ):
        if not _ip(*command):
            raise OSError(f"ip {' '.join(command)} failed")


def _ip(*words: str) -> bool:
    if shutil.which("ip") is None:
        return False
    return subprocess.run(["ip", *words], capture_output=True, check=False).returncode == 0

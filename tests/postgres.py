"""A PostgreSQL server for tests: on a free port, in a folder of its own, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

OWNER, PASSWORD = "keeper", "s3cret-of-the-test"
_START_S = 60


def programs() -> Path:
    """The folder of `postgres` and `initdb`; a test that needs them is skipped where there are none."""
    places = [Path(found).resolve().parent for found in [shutil.which("postgres")] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "postgres").is_file() and (place / "initdb").is_file():
            return place
    pytest.skip("no PostgreSQL server here; on Debian: apt-get install postgresql")


class Server:
    """A server of its own; `start` may be called again after `kill`."""

    def __init__(self) -> None:
        self._programs = programs()
        self._as_user = _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if self._as_user:
            os.chown(self._folder, self._as_user["user"], self._as_user["group"])
            os.chown(secret, self._as_user["user"], self._as_user["group"])
        self._run("initdb", "-D", "data", "-U", OWNER, "-A", "scram-sha-256", "--pwfile=password", "-N")

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 40,
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", "data", *options],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_user,
            )
        deadline = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.1)

    def kill(self) -> None:
        """End it and its children as a power cut would."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)
            self._process.wait(30)

    def _answers(self) -> bool:
        asked = self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), check=False)
        return asked.returncode == 0

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._folder,
            check=check,
            capture_output=True,
            **self._as_user,
        )

    def execute(self, spark: Any, *statements: str) -> None:
        """Run SQL, through the driver that Spark uses."""
        connection = self._connection(spark)
        try:
            for statement in statements:
                connection.createStatement().execute(statement)
        finally:
            connection.close()

    def value(self, spark: Any, query: str) -> str | None:
        """The first column of the first row, as text."""
        connection = self._connection(spark)
        try:
            found = connection.createStatement().executeQuery(query)
            return found.getString(1) if found.next() else None
        finally:
            connection.close()

    def _connection(self, spark: Any) -> Any:
        java = spark.sparkContext._jvm
        java.org.postgresql.Driver()  # registers itself
        return java.java.sql.DriverManager.getConnection(self.url, OWNER, PASSWORD)


def insertion(table: str, rows: Sequence[Mapping[str, str]]) -> str:
    """An INSERT of rows of text; empty values are null."""
    columns = ", ".join(rows[0])
    quoted = [
        ", ".join("NULL" if value == "" else "'" + value.replace("'", "''") + "'" for value in row.values())
        for row in rows
    ]
    return f"INSERT INTO {table} ({columns}) VALUES " + ", ".join(f"({row})" for row in quoted)


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root; another user is at hand everywhere."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL refuses to run as root, and there is no other user to run it as")

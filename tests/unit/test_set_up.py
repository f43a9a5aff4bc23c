"""The set-up: when it is due, what it asks of a machine, and how it ends when it fails or is stopped."""

from __future__ import annotations

import fcntl
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest

from launcher_clone import Clone


@pytest.mark.parametrize("part", ["constraints.txt", "setup.py", "scripts/jars.sha256"])
def test_a_change_of_what_the_environment_is_made_from_prepares_it_again(prepared: Clone, part: str) -> None:
    with (prepared.root / part).open("a") as file:
        file.write("# changed\n")
    code, out, err = prepared.run("clean_text")
    assert (code, out) == (1, "")
    assert "[1/4] making .venv" in err


@pytest.mark.parametrize(
    ("package_manager", "missing", "messages"),
    [
        (
            "apt-get",
            "python3.11",
            ["missing: Python 3.11", "apt-get install python3.11 python3.11-venv"],
        ),
        ("dnf", "python3.11", ["missing: Python 3.11", "sudo dnf install python3.11"]),
        (
            "apt-get",
            "java",
            ["missing: JDK 17 (found: none)", "apt-get install openjdk-17-jdk-headless"],
        ),
        ("brew", "java", ["missing: JDK 17", "brew install openjdk@17"]),
        ("apt-get", "g++", ["missing: a C++17 compiler (g++) and make", "sudo apt-get install g++ make"]),
        ("dnf", "make", ["missing: a C++17 compiler (g++) and make", "sudo dnf install gcc-c++ make"]),
        ("none", "java", ["Debian, Ubuntu:", "Fedora:", "macOS:"]),
        ("none", "memory", ["has 2929 MiB, 4 GiB are needed"]),
        ("none", "disk", ["has 1953 MiB free, 6000 are needed"]),
    ],
)
def test_what_the_machine_lacks_is_named_with_its_cure(
    clone: Clone, package_manager: str, missing: str, messages: list[str]
) -> None:
    clone.program(package_manager, "#!/usr/bin/env bash\n")
    if missing == "java":
        shutil.rmtree(clone.jvm)
    elif missing == "memory":
        clone.meminfo.write_text("MemTotal: 3000000 kB\n")
    elif missing == "disk":
        clone.program("df", "#!/usr/bin/env bash\nprintf 'head\\n/dev/x 9 9 2000000 9%% /\\n'\n")
    else:
        (clone.bin / missing).unlink()
    code, out, err = clone.run("clean_text")
    assert (code, out) == (1, "")
    assert all(message in err for message in messages), err
    assert not (clone.root / ".venv").exists()


def test_all_that_is_missing_is_named_at_once(clone: Clone) -> None:
    (clone.bin / "python3.11").unlink()
    (clone.bin / "make").unlink()
    shutil.rmtree(clone.jvm)
    assert clone.run("test")[2].count("missing: ") == 3


def test_an_environment_that_is_a_link_is_left_as_it_is(clone: Clone) -> None:
    other = clone.root.parent / "other" / ".venv"
    other.mkdir(parents=True)
    (other / "kept").touch()
    (clone.root / ".venv").symlink_to(other)
    code, _, told = clone.run("test")
    assert code == 1
    assert f"is a link to {other}, which the set-up would empty: remove the link" in told
    assert [path.name for path in other.iterdir()] == ["kept"]


def test_a_failing_step_shows_its_last_lines_and_its_log(clone: Clone) -> None:
    code, out, err = clone.run("clean_text")
    assert (code, out) == (1, "")
    assert "the set-up failed at: [1/4] making .venv\n  | " in err
    assert "  | cannot\n" in err, err
    assert f"the whole log is in {clone.root}/.venv/prepare.log" in err


def test_a_cache_that_is_not_writable_is_replaced_by_one_in_the_clone(clone: Clone) -> None:
    (clone.root.parent / ".cache").touch()
    _, _, err = clone.run("clean_text")
    assert f"downloads and wheels are kept in {clone.root}/.cache" in err
    assert (clone.root / ".cache" / "invoicelake").is_dir()


@pytest.fixture
def preparing(clone: Clone) -> Iterator[subprocess.Popen[str]]:
    """A set-up in its first step, which takes a minute."""
    clone.python("sleep 60; exit")
    process = clone.start("clean_text")
    try:
        assert process.stderr is not None
        while "[1/4]" not in process.stderr.readline():
            pass
        yield process
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_set_up_ends_at_once_with_all_it_started(
    preparing: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    started = _descendants(preparing)
    preparing.send_signal(number)
    assert preparing.wait(timeout=30) == code
    _, left = psutil.wait_procs(started, timeout=30)
    assert left == []


def _descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = psutil.Process(process.pid).children(recursive=True)
        if any(child.name() == "sleep" for child in found):
            return found
        time.sleep(0.05)
    raise AssertionError("the step did not start")


def test_a_second_use_waits_for_the_set_up_of_the_first(clone: Clone) -> None:
    with (clone.root / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = clone.start("clean_text")
        assert process.stderr is not None
        assert "another set-up is at work in this folder" in process.stderr.readline()
        clone.prepare()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert json.loads(out) == {"job": "stand-in"}
    assert "[1/4]" not in err

"""The launcher as a user meets it: real bash, in a clone whose machine, environment and jobs are stand-ins."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (
    "awk bash cat cmp cp df dirname env getconf grep head id ln mkdir mktemp mv paste readlink rm sed sleep tail touch uname"
).split()

# Stands for the environment's Python: says what it was started with, and ends as it is told.
PYTHON = """#!/usr/bin/env bash
printf 'argument: %s\\n' "$@" >&2
printf 'env: %s=%s\\n' INVOICELAKE_ENV "$INVOICELAKE_ENV" INVOICELAKE_GIT_COMMIT "$INVOICELAKE_GIT_COMMIT" \
  PYTHONPATH "$PYTHONPATH" JAVA_HOME "$JAVA_HOME" PYSPARK_SUBMIT_ARGS "${PYSPARK_SUBMIT_ARGS-}" LC_ALL "${LC_ALL-}" >&2
echo '{"job": "stand-in"}'
exit "${STAND_IN_EXIT:-0}"
"""
# Stands for the machine's Python 3.11: real but for the making of an environment, which is as the test says.
BASE_PYTHON = """#!/usr/bin/env bash
if [[ $1 == -m && $2 == venv ]]; then
  {make_venv}
fi
exec {python} "$@"
"""


class Clone:
    """A folder with the launcher in it, in a path with a space, on a machine that has what `bin` holds."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "my clone"
        self.bin = folder / "bin"
        self.jvm = folder / "jvm"
        self.meminfo = folder / "meminfo"
        for part in ("scripts", "conf/spark"):
            shutil.copytree(ROOT / part, self.root / part)
        for part in ("spark-submit.sh", "constraints.txt", "setup.py"):
            shutil.copy(ROOT / part, self.root / part)
        # The places that are looked into beside PATH are this machine's own.
        machine = self.root / "scripts" / "machine.sh"
        text = machine.read_text().replace("/usr/lib/jvm/", f"{self.jvm}/").replace("/proc/meminfo", str(self.meminfo))
        machine.write_text(text)
        self.jobs()
        self.machine()

    def jobs(self) -> None:
        (self.root / "jobs").mkdir()
        (self.root / "jobs" / "clean_text.py").write_text('"""Clean the text.\n\nTwice.\n"""\nimport nothing\n')
        (self.root / "jobs" / "pipeline.py").write_text('"""Run all."""\n')

    def machine(self) -> None:
        self.bin.mkdir()
        for tool in TOOLS:
            self.program(tool, link=shutil.which(tool))
        for tool in ("g++", "make"):
            self.program(tool, "#!/usr/bin/env bash\n")
        self.python("echo cannot >&2; exit 3")
        self.jdk(self.jvm / "java-17", "17.0.9")
        self.meminfo.write_text("MemTotal:       8000000 kB\n")

    def program(self, name: str, text: str = "", link: str | None = None) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        if link:
            path.symlink_to(link)
        else:
            path.write_text(text)
            path.chmod(0o755)

    def python(self, make_venv: str) -> None:
        self.program("python3.11", BASE_PYTHON.format(make_venv=make_venv, python=sys.executable))

    def jdk(self, home: Path, version: str) -> None:
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "java").write_text("#!/bin/sh\n")
        (home / "bin" / "java").chmod(0o755)
        (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')

    def prepare(self) -> None:
        python = self.root / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(PYTHON)
        python.chmod(0o755)
        made_from = ["constraints.txt", "setup.py", *sorted(f"scripts/{p.name}" for p in (self.root / "scripts").iterdir())]
        stamp = f"{self.root}\n" + "".join((self.root / part).read_text() for part in made_from)
        (self.root / ".venv" / "prepared").write_text(stamp)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "spark-submit.sh", *arguments],
            env={"PATH": str(self.bin), "HOME": str(self.root.parent), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.fixture
def prepared(clone: Clone) -> Clone:
    clone.prepare()
    return clone


def test_help_lists_the_jobs_with_their_first_line(clone: Clone) -> None:
    code, out, _ = clone.run("--help")
    assert code == 0
    assert "  clean_text             Clean the text.\n  pipeline               Run all.\n" in out


def test_help_of_a_job_prepares_nothing(clone: Clone) -> None:
    code, out, err = clone.run("clean_text", "lake.path=x", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("Clean the text.\n\nTwice.\n\nIts settings")
    assert not (clone.root / ".venv").exists()


def test_help_of_a_job_in_a_prepared_clone_comes_from_its_settings(prepared: Clone) -> None:
    _, _, err = prepared.run("clean_text", "--help")
    assert err.startswith("argument: -m\nargument: invoicelake.cli\nargument: help\nargument: clean_text\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage:"),
        (["--unknown"], "Usage:"),
        (["clean"], "there is no job 'clean'; the jobs are:\n  clean_text "),
        (["../jobs/clean_text"], "there is no job"),
        (["clean_text", "--env", "moon"], "there is no environment 'moon'; there is: local"),
        (["clean_text", "--env=../spark/local"], "there is no environment"),
        (["clean_text", "--env"], "there is no environment ''"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_prepared(clone: Clone, arguments: list[str], message: str) -> None:
    code, out, err = clone.run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not (clone.root / ".venv").exists()


def test_a_job_gets_its_arguments_as_they_were_given(prepared: Clone) -> None:
    code, out, err = prepared.run("clean_text", "input.path=a b", "--conf-file", "x.yaml", "")
    assert code == 0
    assert json.loads(out) == {"job": "stand-in"}
    given = [line.removeprefix("argument: ") for line in err.splitlines() if line.startswith("argument: ")]
    assert given == [f"{prepared.root}/jobs/clean_text.py", "input.path=a b", "--conf-file", "x.yaml", ""]


@pytest.mark.parametrize(
    "setting",
    [
        "INVOICELAKE_ENV=local",
        "INVOICELAKE_GIT_COMMIT=unknown",
        "PYTHONPATH={root}/libs",
        "JAVA_HOME={jvm}/java-17",
        r"PYSPARK_SUBMIT_ARGS=--properties-file {quoted}/conf/spark/local.conf"
        r" --driver-class-path {quoted}/.venv/jars/\* pyspark-shell",
        "LC_ALL=C.UTF-8",
    ],
)
def test_a_job_gets_its_environment(prepared: Clone, setting: str) -> None:
    quoted = str(prepared.root).replace(" ", r"\ ")
    expected = setting.format(root=prepared.root, jvm=prepared.jvm, quoted=quoted)
    _, _, err = prepared.run("clean_text", PYTHONPATH="/elsewhere")
    assert f"env: {expected}" in err.splitlines()


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_exit_codes_pass_through(prepared: Clone, code: int) -> None:
    assert prepared.run("clean_text", STAND_IN_EXIT=str(code))[0] == code


def test_the_tests_are_run_by_the_environment(prepared: Clone) -> None:
    _, _, err = prepared.run("test", "-k", "a or b")
    assert "argument: -m\nargument: pytest\nargument: -k\nargument: a or b\n" in err


@pytest.mark.parametrize("part", ["constraints.txt", "setup.py", "scripts/jars.sha256"])
def test_a_change_of_what_the_environment_is_made_from_prepares_it_again(prepared: Clone, part: str) -> None:
    with (prepared.root / part).open("a") as file:
        file.write("# changed\n")
    code, out, err = prepared.run("clean_text")
    assert (code, out) == (1, "")
    assert "[1/4] making .venv" in err


def test_a_jdk_17_beside_the_default_one_is_found(prepared: Clone) -> None:
    other = prepared.jvm / "java-21"
    prepared.jdk(other, "21.0.1")
    (other / "lib").mkdir()
    (other / "lib" / "modules").touch()
    prepared.program("java", link=str(other / "bin" / "java"))
    for environment in ({}, {"JAVA_HOME": str(other)}):
        assert f"env: JAVA_HOME={prepared.jvm}/java-17\n" in prepared.run("clean_text", **environment)[2]


@pytest.mark.parametrize(
    ("package_manager", "missing", "messages"),
    [
        ("apt-get", "python3.11", ["missing: Python 3.11", "sudo apt-get install python3.11 python3.11-venv"]),
        ("dnf", "python3.11", ["missing: Python 3.11", "sudo dnf install python3.11"]),
        ("apt-get", "java", ["missing: JDK 17 (found: none)", "sudo apt-get install openjdk-17-jdk-headless"]),
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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupted_set_up_ends_at_once_with_all_it_started(
    preparing: subprocess.Popen[str], number: signal.Signals, code: int
) -> None:
    started = _descendants(preparing)
    preparing.send_signal(number)
    assert preparing.wait(timeout=5) == code
    _, left = psutil.wait_procs(started, timeout=5)
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
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert json.loads(out) == {"job": "stand-in"}
    assert "[1/4]" not in err


def test_a_clone_in_git_names_its_commit(prepared: Clone) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    prepared.program("git", link=git)
    author = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    (prepared.root / ".gitignore").write_text(".venv*\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([git, *command], cwd=prepared.root, env=os.environ | author, check=True)
    head = subprocess.check_output([git, "rev-parse", "HEAD"], cwd=prepared.root, text=True).strip()
    assert f"env: INVOICELAKE_GIT_COMMIT={head}\n" in prepared.run("clean_text")[2]
    (prepared.root / "setup.py").open("a").close()
    (prepared.root / "jobs" / "pipeline.py").write_text("changed")
    assert f"env: INVOICELAKE_GIT_COMMIT={head}-dirty\n" in prepared.run("clean_text")[2]

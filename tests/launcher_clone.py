"""A stand-in for a user's clone and machine, for tests of the launcher: real bash, nothing else is real."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = (
    "awk bash cat cmp cp df dirname env getconf grep head id ln mkdir mktemp mv paste readlink rm sed sleep "
    "tail touch uname"
)

# Stands for the environment's Python: says what it was started with, and ends as it is told.
PYTHON = """#!/usr/bin/env bash
printf 'argument: %s\\n' "$@" >&2
printf 'env: %s=%s\\n' INVOICELAKE_ENV "$INVOICELAKE_ENV" INVOICELAKE_GIT_COMMIT "$INVOICELAKE_GIT_COMMIT" \
  PYTHONPATH "$PYTHONPATH" JAVA_HOME "$JAVA_HOME" LC_ALL "${LC_ALL-}" \
  PYSPARK_SUBMIT_ARGS "${PYSPARK_SUBMIT_ARGS-}" >&2
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


def heed_signals() -> None:
    """Let signals end a process, also where the tests run with some of them ignored (nohup, cron)."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


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
        text = (
            machine.read_text()
            .replace("/usr/lib/jvm/", f"{self.jvm}/")
            .replace("/proc/meminfo", str(self.meminfo))
        )
        machine.write_text(text)
        self.jobs()
        self.machine()

    def jobs(self) -> None:
        (self.root / "jobs").mkdir()
        (self.root / "jobs" / "clean_text.py").write_text(
            '"""Clean the text.\n\nTwice.\n"""\nimport nothing\n'
        )
        (self.root / "jobs" / "pipeline.py").write_text('"""Run all."""\n')

    def machine(self) -> None:
        self.bin.mkdir()
        for tool in TOOLS.split():
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
        made_from = [
            "constraints.txt",
            "setup.py",
            *sorted(f"scripts/{p.name}" for p in (self.root / "scripts").iterdir()),
        ]
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
            preexec_fn=heed_signals,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

"""What every job shares: its run, its last line of output, its exit code."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import typer

from invoicelake import cli, config, session
from invoicelake.errors import JobError
from invoicelake.quality import checks
from invoicelake.sources.catalogue import require_input
from invoicelake.table_spec import load_specs
from invoicelake.tables import Lake, Slice, require_writable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)


@dataclass
class Run:
    """One run of a job: what it reads from and writes to, and what it will report."""

    job: str
    suite: config.Suite
    spark: SparkSession
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    metrics: dict[str, float | str] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        """The lake, every commit to which carries this run."""
        specs = load_specs(cli.ROOT / "conf" / "tables")
        return Lake(
            self.spark,
            self.suite.lake.path,
            specs,
            {"job": self.job, "git_commit": git_commit(), **self.tags},
        )

    @property
    def tags(self) -> dict[str, str]:
        """What names this run elsewhere."""
        return {"run": self.spark.sparkContext.applicationId}

    @property
    def workers(self) -> int:
        """Tasks that can run at once."""
        return self.spark.sparkContext.defaultParallelism

    def write(self, name: str, frame: DataFrame, replaces: str | Slice | None = None) -> int:
        """Check `frame`, bring it into the table, and report it.

        Args:
            name: `layer.name`.
            frame: the table's columns but its time stamps.
            replaces: as in `Lake.upsert`.

        Returns:
            The number of rows of `frame`.
        """
        with kept(frame):
            rows = checks.verify(frame, self.lake.specs[name])
            committed = self.lake.upsert(name, frame, replaces, rows)
        log.info("%s: %d rows, %d changed, version %d", name, rows, committed.changed, committed.version)
        # A job that works in chunks writes a table several times; what it reports is their sum.
        before = self.tables.get(name, {"rows": 0, "changed": 0, "rejected": 0})
        self.tables[name] = {
            "version": committed.version,
            "rows": before["rows"] + rows,
            "changed": before["changed"] + committed.changed,
            "rejected": before["rejected"],
        }
        return rows

    def write_rejects(
        self, name: str, rejected: DataFrame, of: str, replaces: str | Slice | None = None
    ) -> None:
        """Keep rejected rows, and count them for the table that they did not get into."""
        self.tables[of]["rejected"] += self.write(name, rejected, replaces)

    def require_few_rejected(self, of: str, setting: str) -> None:
        """Fail if too many rows did not get into the table `of`; called once all of them are kept.

        Args:
            of: a table whose rejects are in the table of the same name with `_rejected`.
            setting: dotted name of the largest share that may be rejected.

        Raises:
            JobError: a larger share was rejected.
        """
        counts = self.tables.get(of, {"rows": 0, "rejected": 0})
        rejected, rows = counts["rejected"], counts["rejected"] + counts["rows"]
        allowed = float(attrgetter(setting)(self.suite))
        if rejected > allowed * rows:
            raise JobError(
                f"{rejected} of {rows} rows for {of} were rejected, at most a share of {allowed} may be; "
                f"their reasons are in {self.lake.location(of)}_rejected; mend them or set {setting}"
            )


def step(run: Run, job: str, main: Callable[[Run], None]) -> None:
    """Run another job within `run`, in the same Spark session, and report what it did as part of `run`."""
    began = time.monotonic()
    log.info("%s begins", job)
    part = Run(job, run.suite, run.spark, run.tables, run.metrics)
    main(part)
    log.info("%s done in %.1f s", job, time.monotonic() - began)


@contextmanager
def kept(frame: DataFrame) -> Iterator[DataFrame]:
    """Keep a frame that is read several times, in memory or on disk."""
    frame.persist()
    try:
        yield frame
    finally:
        frame.unpersist()


def git_commit() -> str:
    """The commit of the code, as the launcher found it."""
    return os.environ.get("INVOICELAKE_GIT_COMMIT", "unknown")


def execute(file: str, main: Callable[[Run], None]) -> None:
    """Run a job's `main` as a command: settings, Spark, the JSON line, the exit code."""
    job = Path(file).stem
    cli.parse(job, sys.argv[1:], lambda command: _run(command, main))


def _run(command: cli.Command, main: Callable[[Run], None]) -> None:
    _start_logging()
    # Libraries and child processes print where they like; the last line of output is ours alone.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        if command.is_dry_run:
            typer.echo(cli.plan(command), err=True)
            _report(
                output, {"job": command.job, "status": "planned", "tables": {}, "metrics": {}, "seconds": 0.0}
            )
            return
        code, summary = _outcome(command, main)
        _report(output, summary)
    raise typer.Exit(code)


def _start_logging() -> None:
    """Log to standard error, in UTC; jobs tell what they do, libraries what is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", datefmt="%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    # py4j logs, some of it as the root logger, the stack trace of every Ctrl-C that comes while it waits.
    handler.addFilter(lambda record: f"{os.sep}py4j{os.sep}" not in record.pathname)
    logging.getLogger().addHandler(handler)
    logging.getLogger("invoicelake").setLevel(logging.INFO)


def _outcome(command: cli.Command, main: Callable[[Run], None]) -> tuple[int, dict[str, Any]]:
    """Exit code and summary of a run, whatever becomes of it."""
    began = time.monotonic()
    run: Run | None = None
    code, status, problem = cli.DONE, "done", ""
    try:
        require_writable(command.suite.lake.path)
        require_input(command.suite.input)
        with session.started(command.job, command.suite.training.processes) as spark:
            run = Run(command.job, command.suite, spark)
            main(run)
    except (Exception, KeyboardInterrupt) as error:
        code, status, problem = _explained(command.job, error)
    if problem:
        typer.echo(f"{command.job}: {problem}", err=True)
    summary = {
        "job": command.job,
        "status": status,
        "tables": run.tables if run else {},
        "metrics": run.metrics if run else {},
        "seconds": round(time.monotonic() - began, 1),
    }
    return code, summary | ({"error": problem} if problem else {})


def _explained(job: str, error: BaseException) -> tuple[int, str, str]:
    """Exit code, status and message of a run that ended with an error."""
    if isinstance(error, KeyboardInterrupt) or session.interrupted.is_set():
        return cli.INTERRUPTED, "interrupted", "stopped by the user; run it again to go on"
    if isinstance(error, config.SettingsError):
        return cli.USAGE, "failed", str(error)
    if isinstance(error, JobError):
        return cli.FAILED, "failed", f"{error}{_kept_details(job, error.details)}"
    # The last line says most of an error in a Python worker, the first of any other.
    lines = str(error).strip().splitlines() or ["no message"]
    line = lines[-1] if type(error).__name__ == "PythonException" else lines[0]
    told = f"unexpected {type(error).__name__}: {line}"
    return cli.FAILED, "failed", told + _kept_details(job, "".join(traceback.format_exception(error)))


def _kept_details(job: str, details: str) -> str:
    """Keep what is too much for the user in a file, and say where."""
    if not details:
        return ""
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"invoicelake-{job}-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        file.write(details)
    return f" (details in {file.name})"


def _report(output: IO[str], summary: dict[str, Any]) -> None:
    print(json.dumps(summary, ensure_ascii=False), file=output, flush=True)

"""The command line of every job, without Spark: settings are checked and help is shown before it starts."""

from __future__ import annotations

import ast
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from invoicelake import config

ROOT = Path(os.environ.get("INVOICELAKE_HOME", Path(__file__).resolve().parents[2]))
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Command:
    """What a user asked for."""

    job: str
    suite: config.Suite
    env: str
    is_dry_run: bool


def parse(job: str, arguments: list[str], act: Callable[[Command], None]) -> None:
    """Read a job's arguments and act on them; what is wrong with them ends the process with exit code 2."""

    def main(
        overrides: Annotated[
            list[str] | None, typer.Argument(metavar="key=value", help="Settings, see below")
        ] = None,
        env: Annotated[
            str, typer.Option(help="Environment: a file of conf/env and one of conf/spark")
        ] = "local",
        conf_file: Annotated[
            list[Path] | None, typer.Option(help="YAML file of settings; later ones win")
        ] = None,
        as_of: Annotated[
            str | None,
            typer.Option(metavar="DATE", help="Work on this day of the ledger alone, and as of it"),
        ] = None,
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the settings and do nothing")] = False,
    ) -> None:
        keys = ("ledger.since", "ledger.until", "invoice_checks.as_of")
        days = [f"{key}={as_of}" for key in keys] if as_of else []
        try:
            suite = config.load(ROOT / "conf", env, conf_file or [], [*(overrides or []), *days])
        except config.SettingsError as error:
            typer.echo(f"{job}: {error}", err=True)
            raise typer.Exit(USAGE) from error
        act(Command(job=job, suite=suite, env=env, is_dry_run=dry_run))

    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(job, help=description(job), epilog=settings_help())(main)
    app(arguments, prog_name=f"./spark-submit.sh {job}")


def description(job: str) -> str:
    """The docstring of `jobs/JOB.py`, read without running it."""
    file = ROOT / "jobs" / f"{job}.py"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in (ROOT / "jobs").glob("*.py")))
        typer.echo(f"there is no job {job!r}; the jobs are {known}", err=True)
        raise SystemExit(USAGE)
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


def settings_help() -> str:
    """Every setting with its default and meaning, one a line."""
    rows = [f"{key} (default {default}): {meaning}" for key, default, meaning in settings_list()]
    return "Settings, given as key=value:\n\n" + "\n\n".join(rows)


def settings_list() -> list[tuple[str, str, str]]:
    """Dotted key, default and meaning of every setting."""
    rows = []
    for name, section in config.Suite.model_fields.items():
        if isinstance(section.annotation, type) and issubclass(section.annotation, config.Section):
            rows += [
                (f"{name}.{key}", _default(key, entry.default), entry.description or "")
                for key, entry in section.annotation.model_fields.items()
            ]
        else:
            rows.append((name, _default(name, section.default), section.description or ""))
    return rows


def _default(key: str, value: object) -> str:
    if value is None:
        return "none"
    return f"see conf/base.yaml for {key}" if repr(value) == "PydanticUndefined" else str(value)


def main() -> None:
    """`help JOB`, `check JOB …` and `plan JOB …`, for the launcher."""
    logging.basicConfig(stream=sys.stderr)
    verb, job, *arguments = sys.argv[1:]
    if verb == "help":
        arguments = ["--help"]
    parse(job, arguments, _show if verb == "plan" else _accept)


def _accept(command: Command) -> None:
    """Nothing more to check."""


def _show(command: Command) -> None:
    typer.echo(plan(command), err=True)


def plan(command: Command) -> str:
    """What the job would do, and with which settings, as text."""
    from omegaconf import OmegaConf

    settings = OmegaConf.to_yaml(OmegaConf.create(command.suite.model_dump(mode="json")))
    return f"{command.job}: {description(command.job)}\n\nin environment {command.env}, with\n{settings}"


if __name__ == "__main__":
    main()

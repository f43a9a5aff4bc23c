"""Measure what the code costs, against something else in the same run: benchmark NAME.

The names are files of the folder benchmarks; each says what it compares. The last line of output holds what
was measured in `metrics`, the ratio of the two among them.
"""

import importlib
import sys
from functools import partial

import typer

from invoicelake import cli
from invoicelake.job import Run, execute

FOLDER = cli.ROOT / "benchmarks"


def main(run: Run, name: str) -> None:
    """Run one benchmark and report what it measured."""
    run.metrics |= importlib.import_module(name).measure(run)


def chosen(arguments: list[str]) -> str:
    """The benchmark that is named first; none where help is asked for."""
    files = sorted(FOLDER.glob("*.py"))
    known = [file.stem for file in files if "\ndef measure(" in file.read_text(encoding="utf-8")]
    name = arguments[0] if arguments else ""
    if name in known:
        return name
    if not {"--help", "-h"} & set(arguments):
        told = f"benchmark: there is no benchmark {name!r}; the benchmarks are {', '.join(known)}"
        typer.echo(told, err=True)
        raise SystemExit(cli.USAGE)
    return ""


if __name__ == "__main__":
    named = chosen(sys.argv[1:])
    sys.path.append(str(FOLDER))
    sys.argv[1:2] = [] if named else sys.argv[1:2]
    execute(__file__, partial(main, name=named))

"""Text files as they were delivered to a folder, line by line, and the proof that no line is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake.errors import JobError
from invoicelake.sources.folders import list_files, read_contents
from invoicelake.sources.landing import landing_folder
from invoicelake.tables import local_path

_BOM = b"\xef\xbb\xbf"


class LineRejected(ValueError):
    """A line, or with line 1 a whole file, that has not the form that it should have."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Line(NamedTuple):
    """A line of a file: its number from 1, and its bytes without the line's end."""

    number: int
    content: bytes

    @property
    def text(self) -> str:
        """The line as text.

        Raises:
            LineRejected: it is no UTF-8.
        """
        try:
            text = self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise LineRejected(
                "wrong_encoding", f"byte {error.start + 1} of the line is no UTF-8; expected a file in UTF-8"
            ) from error
        if "\0" in text:
            raise LineRejected("wrong_encoding", "the line holds a zero byte; expected a file in UTF-8")
        return text

    @property
    def shown(self) -> str:
        """The line as text; what is none is shown as \\xNN."""
        return self.content.decode("utf-8", errors="backslashreplace").replace("\0", "\\x00")


def numbered_lines(content: bytes) -> Iterator[Line]:
    """The lines of a file that hold anything, whatever ends them; numbers count the empty ones too."""
    for number, line in enumerate(content.removeprefix(_BOM).splitlines(), 1):
        if line.strip():
            yield Line(number, line)


def input_place(
    path: str | None, setting: str, default: str, generated: Callable[[], Mapping[str, bytes]]
) -> str:
    """As `landing_folder`, but the user may name a single file too.

    Raises:
        JobError: nothing is there.
    """
    local = local_path(path) if path is not None else None
    if local is not None and Path(local).is_file():
        return local
    return landing_folder(path, setting, default, generated)


def read_delivered(spark: SparkSession, place: str, ending: str) -> DataFrame:
    """The files of a folder, or the one file, whose names end so: `file_name, source_uri, content`.

    Raises:
        JobError: there is none, or the place cannot be read.
    """
    found = {path: size for path, size in _listed(spark, place).items() if path.lower().endswith(ending)}
    if not found:
        raise JobError(f"no files *{ending} in {place}; expected at least one, even if it is empty")
    files = read_contents(spark, found)
    name = F.element_at(F.split("path", "/"), -1)
    return files.select(name.alias("file_name"), F.col("path").alias("source_uri"), "content")


def _listed(spark: SparkSession, place: str) -> dict[str, int]:
    try:
        return list_files(spark, place)
    except Py4JJavaError as error:
        said = str(error.java_exception).splitlines()[0]
        raise JobError(f"cannot list the files in {place}: {said}") from error


def line_balance(files: DataFrame, heads: int, accepted: DataFrame, rejected: DataFrame) -> DataFrame:
    """One row, `lines, accepted, rejected`: the lines are counted anew, without parsing them.

    Args:
        files: of `read_delivered`.
        heads: lines of each file that are no data.
        accepted: a row per line.
        rejected: a row per line, with `line_number`; 0 is no line.
    """
    # Bytes as letters, as Python's splitlines and strip see them.
    text = F.regexp_replace(F.decode("content", "ISO-8859-1"), "^\u00ef\u00bb\u00bf", "")
    filled = F.size(F.filter(F.split(text, "\r\n|\r|\n"), lambda line: line.rlike(r"[^\s]")))
    counted = files.agg(F.coalesce(F.sum(F.greatest(filled - heads, F.lit(0))), F.lit(0)).alias("lines"))
    taken = accepted.agg(F.count(F.lit(1)).alias("accepted"))
    left = rejected.agg(F.count_if(F.col("line_number") > 0).alias("rejected"))
    return counted.crossJoin(taken).crossJoin(left).select("lines", "accepted", "rejected")


def require_all_kept(balance: DataFrame, where: str) -> None:
    """See that each line was accepted or rejected, once.

    Args:
        balance: of `line_balance`.
        where: table that the lines were brought to.

    Raises:
        JobError: their numbers do not add up.
    """
    found = balance.first()
    assert found is not None
    if found["lines"] != found["accepted"] + found["rejected"]:
        raise JobError(
            f"lines were lost or doubled on the way to {where}: {found['lines']} came, "
            f"{found['accepted']} were accepted and {found['rejected']} rejected; run the job again, and "
            "report it if that does not help"
        )


def require_few_rejected(rejected: int, lines: int, allowed: float, setting: str, where: str) -> None:
    """See that not too many lines were rejected.

    Raises:
        JobError: a larger share than allowed was.
    """
    if rejected > allowed * lines:
        raise JobError(
            f"too many lines were rejected: {rejected} of {lines}, at most a share of {allowed} may; their "
            f"reasons are in {where}; mend the files or set {setting}"
        )

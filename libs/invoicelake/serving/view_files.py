"""Views as files beside the tables: a DuckDB database over one version's Parquet files, and Spark SQL."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from invoicelake.serving.views import PinnedView
from invoicelake.table_spec import Column

# Spark SQL's names of types that DuckDB has other names for; times are given in UTC without a zone.
_TYPES = {"string": "VARCHAR", "binary": "BLOB", "timestamp": "TIMESTAMP"}
_PUBLISHED = """CREATE TABLE published (
  view VARCHAR, table_name VARCHAR, version BIGINT, "rows" BIGINT, committed_at TIMESTAMP)"""
_MEANINGS = {
    "view": "Name of the view",
    "table_name": "Table whose rows it shows",
    "version": "Version of the table that it shows",
    "rows": "Rows of that version",
    "committed_at": "When that version was committed, UTC",
}


def write_sql(file: Path, statements: Iterable[str]) -> bool:
    """Write the statements as one script, if they differ from what is there; whether they did."""
    text = "".join(f"{statement};\n\n" for statement in statements)
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return False
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, file)
    return True


def write_database(file: Path, pinned: Sequence[PinnedView]) -> bool:
    """Write a DuckDB database with the views, if they differ from what is there; whether they did.

    Who has the old file open goes on reading the versions that it shows. The table `published` says which
    version a view shows.
    """
    import duckdb

    statements = list(_statements(pinned))
    made_from = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    if _made_from(file) == made_from:
        return False
    new = file.with_name(f"{file.name}.new")
    # A run that was killed may have left one, and the journal of its last change.
    for left in (new, new.with_name(f"{new.name}.wal")):
        left.unlink(missing_ok=True)
    with duckdb.connect(str(new)) as database:
        for statement in statements:
            database.execute(statement)
        database.execute("CREATE TABLE made_from AS SELECT ? AS sha256", [made_from])
    os.replace(new, file)
    return True


def _made_from(file: Path) -> str | None:
    """Hash of the statements that the file was made with; None if it cannot be told."""
    import duckdb

    if not file.is_file():
        return None
    try:
        with duckdb.connect(str(file), read_only=True) as database:
            found = database.execute("SELECT sha256 FROM made_from").fetchone()
    except duckdb.Error:
        # Damaged, of another version, or held by someone who writes to it: it is made anew.
        return None
    return str(found[0]) if found else None


def _statements(pinned: Sequence[PinnedView]) -> Iterator[str]:
    yield _PUBLISHED
    for name, meaning in _MEANINGS.items():
        yield f'COMMENT ON COLUMN published."{name}" IS {_literal(meaning)}'
    for each in pinned:
        promise = each.view.promise
        name = _quoted(promise.name)
        yield f"CREATE VIEW {name} AS {_select(each)}"
        yield f"COMMENT ON VIEW {name} IS {_literal(promise.description)}"
        for column in promise.columns:
            yield f"COMMENT ON COLUMN {name}.{_quoted(column.name)} IS {_literal(column.full_comment)}"
        yield (
            f"INSERT INTO published SELECT {_literal(promise.name)}, {_literal(each.view.shown.full_name)}, "
            f"{each.version}, count(*), {_literal(f'{each.committed_at:%Y-%m-%d %H:%M:%S.%f}')} FROM {name}"
        )


def _select(pinned: PinnedView) -> str:
    """The view's columns from the files of its version; where there is no file, columns without rows."""
    columns = pinned.view.promise.columns
    if not pinned.files:
        nothing = (f"CAST(NULL AS {_type(each.type)}) AS {_quoted(each.name)}" for each in columns)
        return f"SELECT {', '.join(nothing)} WHERE false"
    files = ", ".join(_literal(file) for file in pinned.files)
    partition = [each for each in pinned.view.shown.columns if each.name in pinned.view.shown.partition_by]
    types = ", ".join(f"{_literal(each.name)}: {_type(each.type)}" for each in partition)
    hive = f"hive_partitioning = true, hive_types = {{{types}}}" if partition else "hive_partitioning = false"
    selected = ", ".join(_column(pinned, each) for each in columns)
    return f"SELECT {selected} FROM read_parquet([{files}], {hive})"


def _column(pinned: PinnedView, column: Column) -> str:
    name = _quoted(column.name)
    source = pinned.view.expressions.get(column.name, name)
    if column.type == "timestamp":
        # Spark's files hold times without a zone, which are UTC, and others' hold them with one.
        source = f"make_timestamp(epoch_us({source}))"
    if pinned.view.shown is not pinned.view.promise:
        source = f"CAST({source} AS {_type(column.type)})"
    return name if source == name else f"{source} AS {name}"


def _type(ddl: str) -> str:
    """DuckDB's name of a Spark SQL type."""
    if array := re.fullmatch(r"array<(.*)>", ddl):
        return f"{_type(array[1])}[]"
    if struct := re.fullmatch(r"struct<(.*)>", ddl):
        fields = (field.split(":", 1) for field in re.split(r",(?![^(<]*[)>])", struct[1]))
        return (
            f"STRUCT({', '.join(f'{_quoted(name.strip())} {_type(kind.strip())}' for name, kind in fields)})"
        )
    return _TYPES.get(ddl, ddl)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

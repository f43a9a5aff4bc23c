"""Views of stable names and columns over tables that have versions and successors."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from invoicelake.config import Views
from invoicelake.errors import JobError
from invoicelake.table_spec import TableSpec
from invoicelake.tables import local_path, pin_files
from invoicelake.tables.past import commit_at

if TYPE_CHECKING:
    from invoicelake.tables import Lake

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """A view: what it promises, and the table that it shows.

    Args:
        promise: the table whose name, columns and comments the view has.
        shown: the table whose rows it shows; the same until a successor takes its place.
        expressions: SQL for columns that the successor does not have by the same name.
    """

    promise: TableSpec
    shown: TableSpec
    expressions: Mapping[str, str]

    @property
    def name(self) -> str:
        """Stable: whatever table is shown."""
        return self.promise.name


@dataclass(frozen=True)
class PinnedView:
    """A view with the version that it shows, when that was committed, and its files (none for a URL)."""

    view: View
    location: str
    version: int
    committed_at: datetime
    files: tuple[str, ...]


def declared_views(specs: Mapping[str, TableSpec], settings: Views) -> list[View]:
    """A view for each gold table that is no other's successor, and for the silver tables in the settings.

    Raises:
        JobError: a setting names a table that is not declared, or a column of a view would have no source.
    """
    successors = {shown.table for shown in settings.shows.values()}
    names = [name for name in specs if name.startswith("gold.") and name not in successors]
    promises = [_spec(specs, name) for name in (*names, *(f"silver.{name}" for name in settings.silver))]
    unknown = settings.shows.keys() - {promise.name for promise in promises}
    if unknown:
        raise JobError(
            f"views.shows names the view {min(unknown)}, which there is not; views have the names of gold "
            "tables and of those in views.silver"
        )
    return [_view(specs, promise, settings) for promise in promises]


def pin_views(lake: Lake, settings: Views) -> list[PinnedView]:
    """Views whose tables there are, each with the version to show.

    Raises:
        JobError: as `declared_views`; or the files of that version cannot be read by themselves.
    """
    pinned = []
    for view in declared_views(lake.specs, settings):
        name = view.shown.full_name
        location = lake.location(name)
        commit = commit_at(name, location, settings.as_of) if lake.exists(name) else None
        if commit is None:
            log.info("%s: there is no %s yet", view.name, name)
            continue
        files = pin_files(name, location, commit.version, {}).files if local_path(location) else ()
        pinned.append(PinnedView(view, location, commit.version, commit.at, files))
    return pinned


def spark_statements(pinned: Sequence[PinnedView], settings: Views) -> Iterator[str]:
    """Spark SQL that makes the views: of the tables as they are at any time, or as they were at `as_of`."""
    prefix = f"{settings.database}." if settings.database else ""
    if settings.database:
        yield f"CREATE DATABASE IF NOT EXISTS {settings.database}"
    for each in pinned:
        view = each.view
        columns = ",\n".join(
            f"  `{column.name}` COMMENT {_literal(column.full_comment)}" for column in view.promise.columns
        )
        selected = ",\n".join(f"  {_column(view, column.name)}" for column in view.promise.columns)
        location = each.location.replace("`", "``")
        version = "" if settings.as_of is None else f" VERSION AS OF {each.version}"
        yield (
            f"CREATE OR REPLACE VIEW {prefix}`{view.name}` (\n{columns}\n)\n"
            f"COMMENT {_literal(view.promise.description)}\n"
            f"AS SELECT\n{selected}\nFROM delta.`{location}`{version}"
        )


def _spec(specs: Mapping[str, TableSpec], name: str) -> TableSpec:
    if name not in specs:
        raise JobError(f"there is no table {name} to make a view of; see the tables page for their names")
    return specs[name]


def _view(specs: Mapping[str, TableSpec], promise: TableSpec, settings: Views) -> View:
    successor = settings.shows.get(promise.name)
    if successor is None:
        return View(promise, promise, {})
    shown = _spec(specs, successor.table)
    missing = [name for name in promise.column_names if name not in {*shown.column_names, *successor.columns}]
    if missing:
        raise JobError(
            f"{shown.full_name} has no column {', '.join(missing)}, which the view {promise.name} promises; "
            f"say what it is made from in views.shows.{promise.name}.columns"
        )
    return View(promise, shown, successor.columns)


def _column(view: View, name: str) -> str:
    """A column of the view in Spark SQL, of the promised type also when a successor is shown."""
    if view.shown is view.promise:
        return f"`{name}`"
    kind = next(column.type for column in view.promise.columns if column.name == name)
    return f"CAST({view.expressions.get(name, f'`{name}`')} AS {kind}) AS `{name}`"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

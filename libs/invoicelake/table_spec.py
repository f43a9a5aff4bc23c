"""A table as declared in `conf/tables`: the source of its DDL, comments, checks, docs page and test rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from invoicelake.config import Section

Layer = Literal["bronze", "silver", "gold"]
LAYERS: tuple[Layer, ...] = ("bronze", "silver", "gold")

# One value of each type, so that a test row needs to name only the columns it is about.
SAMPLE_VALUES: dict[str, object] = {
    "string": "text",
    "int": 1,
    "bigint": 1,
    "double": 1.0,
    "boolean": True,
    "binary": b"bytes",
    "date": date(2024, 1, 31),
    "timestamp": datetime(2024, 1, 31, 12, tzinfo=UTC),
}


class Tensor(Section):
    """What a binary column packs, little-endian; a name in `shape` is a setting of `encoding`."""

    dtype: str
    shape: tuple[str | int, ...]


class Column(Section):
    """A column: Spark SQL type, unit and meaning; where not `compared`, it may differ without a change."""

    name: str
    type: str
    comment: str
    nullable: bool = True
    unit: str | None = None
    compared: bool = True
    tensor: Tensor | None = None

    @property
    def full_comment(self) -> str:
        """The comment with its unit, as stored in the table."""
        return f"{self.comment} [{self.unit}]" if self.unit else self.comment


class Constraint(Section):
    """A condition that holds in every row."""

    name: str
    expression: str


class Query(Section):
    """An example for analysts; `{table}` stands for the table."""

    title: str
    sql: str


class TableSpec(Section):
    """A table, declared once."""

    layer: Layer
    name: str
    description: str
    grain: str
    owner: str
    freshness: str
    known_gaps: str
    key: tuple[str, ...] = Field(min_length=1)
    partition_by: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...] = ()
    properties: Mapping[str, str] = {}
    queries: tuple[Query, ...]

    @property
    def full_name(self) -> str:
        """`layer.name`."""
        return f"{self.layer}.{self.name}"

    @property
    def column_names(self) -> list[str]:
        """In declared order."""
        return [column.name for column in self.columns]

    @property
    def compared(self) -> list[str]:
        """Columns whose change makes a row a changed row."""
        return [column.name for column in self.columns if column.compared and column.name not in self.key]

    @property
    def stamps(self) -> list[str]:
        """Time stamps that the lake sets when it writes a row."""
        return [c.name for c in self.columns if c.type == "timestamp" and not c.nullable and not c.compared]

    @property
    def written(self) -> list[str]:
        """The columns that a transform hands over: all but the stamps."""
        return [name for name in self.column_names if name not in self.stamps]

    @property
    def ddl(self) -> str:
        """The columns as Spark SQL reads them: `name type, …`, nullability included."""
        return ", ".join(
            f"{column.name} {column.type}{'' if column.nullable else ' NOT NULL'}" for column in self.columns
        )

    def ddl_of(self, *names: str) -> str:
        """The named columns as `name type, …`, for frames made by a Python function."""
        types = {column.name: column.type for column in self.columns}
        return ", ".join(f"{name} {types[name]}" for name in names)

    def sample_row(self, **values: object) -> dict[str, object]:
        """A row for tests: `values`, and a harmless value in every other column that must not be null."""
        unknown = values.keys() - set(self.column_names)
        if unknown:
            raise KeyError(f"{self.full_name} has no column {', '.join(sorted(unknown))}")
        row: dict[str, object] = {}
        for column in self.columns:
            row[column.name] = values.get(column.name, None if column.nullable else _sample(column))
        return row


def _sample(column: Column) -> object:
    if column.type.startswith("decimal"):
        return Decimal(1)
    return [] if column.type.startswith("array") else SAMPLE_VALUES[column.type]


@cache
def load_specs(folder: Path) -> Mapping[str, TableSpec]:
    """All tables declared under `folder`, by full name."""
    found = {}
    for layer in LAYERS:
        for file in sorted((folder / layer).glob("*.yaml")):
            declared: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
            spec = TableSpec.model_validate({"layer": layer, "name": file.stem, **declared})
            found[spec.full_name] = spec
    return found

"""A table as declared in `conf/tables`: the source of its DDL, comments, checks, docs page and test rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from invoicelake.config import Section
from invoicelake.table_spec.declared_checks import (
    Check,
    Condition,
    DeclaredCheck,
    NotNull,
    OneOf,
    Unique,
)

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
    checks: tuple[DeclaredCheck, ...] = ()
    properties: Mapping[str, str] = {}
    queries: tuple[Query, ...]

    @model_validator(mode="after")
    def _checks_fit_the_columns(self) -> TableSpec:
        types = {column.name: column.type for column in self.columns}
        for check in self.checks:
            unknown = [name for name in check.on if name not in types]
            if unknown:
                raise ValueError(f"check {check.name} is on {', '.join(unknown)}, which is no column")
            if isinstance(check, OneOf):
                _require_values_of(check, types[check.column])
        names = [check.name for check in self.all_checks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"there is more than one check {', '.join(twice)}")
        return self

    @property
    def all_checks(self) -> tuple[Check, ...]:
        """What always holds: that columns are not null, the key unique, the constraints; and the checks."""
        return (
            *(
                NotNull(name=f"{column.name}_not_null", column=column.name)
                for column in self.columns
                if not column.nullable
            ),
            Unique(name="key_unique", columns=self.key),
            *(Condition(name=each.name, expression=each.expression) for each in self.constraints),
            *self.checks,
        )

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


def _require_values_of(check: OneOf, column_type: str) -> None:
    """YAML reads an unquoted NO as false and 1.0 as a number; in a column of text they would never be met."""
    kinds = {"string": str, "boolean": bool, "int": int, "bigint": int, "date": date}
    expected = kinds.get(column_type)
    wrong = [value for value in check.values if expected and type(value) is not expected]
    if wrong:
        raise ValueError(f"check {check.name}: {wrong[0]!r} is no {column_type}; put text in quotes")


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

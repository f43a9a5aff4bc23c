"""The kinds of checks that a table can declare; what each counts is said in docs/checks.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, field_validator, model_validator

from invoicelake.config import Section

Severity = Literal["error", "warning"]
Value = StrictBool | StrictInt | StrictStr | date | Decimal
Bound = StrictInt | date | Decimal


class _Check(Section):
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    severity: Severity = "error"

    @property
    def on(self) -> tuple[str, ...]:
        """Columns of the table that the check reads, as far as they are declared and not within SQL."""
        return ()


class _ColumnCheck(_Check):
    column: str

    @property
    def on(self) -> tuple[str, ...]:
        """Its column."""
        return (self.column,)


class _ColumnsCheck(_Check):
    columns: tuple[str, ...] = Field(min_length=1)

    @property
    def on(self) -> tuple[str, ...]:
        """Its columns."""
        return self.columns


class NotNull(_ColumnCheck):
    """A value in every row."""

    kind: Literal["not_null"] = "not_null"


class Unique(_ColumnsCheck):
    """No two rows with the same values; a row with a null among them is like no other."""

    kind: Literal["unique"] = "unique"


class Condition(_Check):
    """A constraint: an SQL condition that is true in every row, not false and not null."""

    kind: Literal["condition"] = "condition"
    expression: str


class Range(_ColumnCheck):
    """Values from `min` to `max`, both included; nulls pass, not-a-number does not."""

    kind: Literal["range"] = "range"
    min: Bound | None = None
    max: Bound | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError(f"{self.name}: give min, max or both")
        return self


class OneOf(_ColumnCheck):
    """One of the given values; nulls pass."""

    kind: Literal["set"] = "set"
    values: tuple[Value, ...] = Field(min_length=1)


class Pattern(_ColumnCheck):
    """Text that a regular expression matches from its first to its last character; nulls pass."""

    kind: Literal["pattern"] = "pattern"
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
        return pattern


class ForeignKey(_ColumnsCheck):
    """Values that are found in columns of another table; a row with a null among them passes."""

    kind: Literal["foreign_key"] = "foreign_key"
    table: str
    references: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _as_many_as_referenced(self) -> ForeignKey:
        if self.references and len(self.references) != len(self.columns):
            raise ValueError(f"{self.name}: references should be as many as columns, {len(self.columns)}")
        return self

    @property
    def referenced(self) -> tuple[str, ...]:
        """Columns of the other table; those of the same names where none are given."""
        return self.references or self.columns


class Child(Section):
    """The sum of `expression` over the rows of another table where each column of `by` has our value.

    Args:
        by: column of the checked table to column of the other table.
    """

    table: str
    expression: str
    by: Mapping[str, str] = Field(min_length=1)


class SumRule(_Check):
    """Two sides that agree within the tolerance; a row passes where one of them is null.

    Args:
        expression: SQL over the row.
        equals: SQL over the row.
        child: in place of `equals`, a sum over another table; null where it has no row or a null in the sum.
        tolerance: in the unit of the expression; a difference of as much passes.
    """

    kind: Literal["sum_rule"] = "sum_rule"
    expression: str
    equals: str | None = None
    child: Child | None = None
    tolerance: Decimal = Field(default=Decimal(0), ge=0)

    @property
    def on(self) -> tuple[str, ...]:
        """Columns that the other table is joined by."""
        return tuple(self.child.by) if self.child else ()

    @model_validator(mode="after")
    def _has_one_other_side(self) -> SumRule:
        if (self.equals is None) == (self.child is None):
            raise ValueError(f"{self.name}: give equals or child")
        return self


class Freshness(_ColumnCheck):
    """The newest value of a date or time column lies at most `max_age_days` before the day asked about."""

    kind: Literal["freshness"] = "freshness"
    max_age_days: int = Field(ge=0)


class Counted(Section):
    """A number from another table: an SQL aggregate over its rows that meet `where`."""

    table: str
    expression: str = "count(*)"
    where: str = "true"


class RowCount(_Check):
    """Our rows and those of `plus` together are as many as those of `equals`, within `tolerance` rows.

    Args:
        where: SQL condition for which of our rows count.
    """

    kind: Literal["row_count"] = "row_count"
    where: str = "true"
    plus: tuple[Counted, ...] = ()
    equals: tuple[Counted, ...] = Field(min_length=1)
    tolerance: int = Field(default=0, ge=0)


class Drift(_ColumnCheck):
    """The column's distribution has not shifted from the version before, by the population stability index.

    Args:
        bins: numbers and dates are binned at the quantiles of the version before, text by that many most
            frequent values and one bin for all others.
        notable: an index from here on is pointed out.
        limit: an index from here on fails.
    """

    kind: Literal["drift"] = "drift"
    severity: Severity = "warning"
    bins: int = Field(default=10, ge=2)
    notable: float = Field(default=0.1, gt=0)
    limit: float = Field(default=0.25, gt=0)


DeclaredCheck = Annotated[
    NotNull | Unique | Range | OneOf | Pattern | ForeignKey | SumRule | Freshness | RowCount | Drift,
    Field(discriminator="kind"),
]
Check = (
    NotNull
    | Unique
    | Condition
    | Range
    | OneOf
    | Pattern
    | ForeignKey
    | SumRule
    | Freshness
    | RowCount
    | Drift
)

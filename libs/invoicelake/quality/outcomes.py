"""What became of each check of a table version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from invoicelake.table_spec import (
    Check,
    Condition,
    Drift,
    ForeignKey,
    Freshness,
    NotNull,
    OneOf,
    Pattern,
    Range,
    RowCount,
    SumRule,
    Unique,
)


@dataclass(frozen=True)
class Outcome:
    """What became of one check.

    Attributes:
        failed: rows that fail; of `row_count` the rows missing or too many; None where no rows can be named.
        measured: share of rows that fail, days of age, rows or stability index; None: could not be measured.
        passed: None: could not be measured.
        detail: why it could not be measured, or what else is to be said; None: nothing.
    """

    check: Check
    failed: int | None
    measured: float | None
    passed: bool | None
    detail: str | None = None


@dataclass(frozen=True)
class TableFindings:
    """One checked version of a table.

    Attributes:
        nulls: rows in which each column is null.
    """

    table: str
    version: int
    rows: int
    nulls: Mapping[str, int]
    outcomes: tuple[Outcome, ...]

    @property
    def failing(self) -> tuple[Outcome, ...]:
        """Outcomes of checks that did not pass."""
        return tuple(outcome for outcome in self.outcomes if outcome.passed is False)


def errors(findings: Sequence[TableFindings]) -> dict[str, list[str]]:
    """Names of the failing checks that are errors, by table."""
    found = {
        each.table: [outcome.check.name for outcome in each.failing if outcome.check.severity == "error"]
        for each in findings
    }
    return {table: names for table, names in found.items() if names}


def expected(check: Check) -> str:
    """What a check demands, in words."""
    match check:
        case NotNull():
            return "no nulls"
        case Unique():
            return "no two rows alike"
        case Condition():
            return check.expression
        case Range():
            return " and ".join(
                f"{word} {bound}"
                for word, bound in (("at least", check.min), ("at most", check.max))
                if bound is not None
            )
        case OneOf():
            return f"one of {', '.join(str(value) for value in check.values)}"
        case Pattern():
            return f"matches {check.pattern}"
        case ForeignKey():
            return f"is in {check.table} ({', '.join(check.referenced)})"
        case _:
            return _expected_of_the_whole(check)


def _expected_of_the_whole(check: Check) -> str:
    match check:
        case SumRule():
            child = check.child
            other = f"the sum of {child.expression} in {child.table}" if child else check.equals
            within = f" within {check.tolerance}" if check.tolerance else ""
            return f"{check.expression} = {other}{within}"
        case Freshness():
            return f"at most {check.max_age_days} days old"
        case RowCount():
            ours = " + ".join(["rows", *(f"{each.expression} of {each.table}" for each in check.plus)])
            theirs = " + ".join(f"{each.expression} of {each.table}" for each in check.equals)
            return f"{ours} = {theirs}" + (f" within {check.tolerance}" if check.tolerance else "")
        case Drift():
            return f"stability index below {check.limit:g}"
        case _:
            raise TypeError(f"unknown kind {check.kind}")

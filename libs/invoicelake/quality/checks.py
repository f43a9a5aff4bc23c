"""What a table's declaration demands of the rows of a write."""

from __future__ import annotations

from pyspark.sql import DataFrame

from invoicelake.errors import JobError
from invoicelake.quality.conditions import ROW_CHECKS, needs_other_table
from invoicelake.quality.counting import ROWS, count_all
from invoicelake.quality.distinctness import repeated
from invoicelake.table_spec import Check, Condition, NotNull, TableSpec, Unique


def verify(frame: DataFrame, spec: TableSpec) -> int:
    """Count the rows of `frame` and check them against the table's declaration, in one pass.

    Only checks that are errors and need no other table or version; `check_tables` runs them all.

    Returns:
        The number of rows.

    Raises:
        JobError: nulls where none may be, a key that is not unique, or another check that does not hold.
    """
    checks = _of_a_write(frame, spec)
    found = count_all(frame, spec, checks)
    rows = int(found[ROWS])
    failed = {_told(check): _failed(frame, check, found[check.name]) for check in checks if found[check.name]}
    if failed:
        listed = ", ".join(f"{told}: {count} rows" for told, count in sorted(failed.items()))
        raise JobError(
            f"nothing was written to {spec.full_name}: of {rows} rows some fail its checks ({listed})"
        )
    return rows


def _of_a_write(frame: DataFrame, spec: TableSpec) -> list[Check]:
    stamps = set(spec.column_names) - set(frame.columns)
    return [
        check
        for check in spec.all_checks
        if isinstance(check, (*ROW_CHECKS, Unique))
        and check.severity == "error"
        and needs_other_table(check) is None
        and not stamps & set(check.on)
    ]


def _told(check: Check) -> str:
    """What is wrong with the rows that fail."""
    match check:
        case NotNull():
            return f"{check.column} is null"
        case Unique():
            return f"repeats {', '.join(check.columns)}"
        case Condition():
            return f"not {check.name}"
        case _:
            return check.name


def _failed(frame: DataFrame, check: Check, count: int) -> int:
    """Of rows that repeat each other, those beyond the first are too many; else every row that fails is."""
    return repeated(frame, check.columns)[1] if isinstance(check, Unique) else count

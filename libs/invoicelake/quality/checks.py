"""A table's declared checks, compiled into one aggregate pass."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.errors import JobError
from invoicelake.table_spec import TableSpec


def verify(frame: DataFrame, spec: TableSpec) -> int:
    """Count the rows of `frame` and check them against the table's declaration, in one pass.

    Returns:
        The number of rows.

    Raises:
        JobError: nulls where none may be, a key that is not unique, or a constraint that does not hold.
    """
    counted = frame.agg(F.count(F.lit(1)).alias("rows"), *_failure_counts(frame, spec)).first()
    assert counted is not None
    found = counted.asDict()
    rows = int(found.pop("rows"))
    failed = {check: count for check, count in found.items() if count}
    if failed:
        listed = ", ".join(f"{check}: {count} rows" for check, count in sorted(failed.items()))
        raise JobError(
            f"nothing was written to {spec.full_name}: of {rows} rows some fail its checks ({listed})"
        )
    return rows


def _failure_counts(frame: DataFrame, spec: TableSpec) -> list[Column]:
    checks = {
        f"{column.name} is null": F.col(column.name).isNull()
        for column in spec.columns
        if not column.nullable and column.name in frame.columns
    }
    checks |= {
        f"not {constraint.name}": ~F.coalesce(F.expr(constraint.expression), F.lit(False))
        for constraint in spec.constraints
    }
    counts = [F.count_if(fails).alias(check) for check, fails in checks.items()]
    key = F.struct(*spec.key)
    counts.append((F.count(F.lit(1)) - F.count_distinct(key)).alias(f"repeats {', '.join(spec.key)}"))
    return counts

"""When a row fails a check: conditions that are true or false and never null, so that no null hides a row.

A null passes every check but `not_null` and constraints: what a value must be like says nothing of no value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.table_spec import (
    Check,
    Condition,
    ForeignKey,
    NotNull,
    OneOf,
    Pattern,
    Range,
    SumRule,
    TableSpec,
)

ROW_CHECKS = (NotNull, Condition, Range, OneOf, Pattern, ForeignKey, SumRule)
FLOATS = ("double", "float")

Reader = Callable[[str], DataFrame | None]
"""Another table by its name; None where there is none."""


def fails(check: Check, spec: TableSpec) -> Column:
    """Whether a row fails; of a check that needs another table, in a frame that `with_other_tables` made."""
    match check:
        case NotNull():
            return F.col(check.column).isNull()
        case Condition():
            return ~F.coalesce(F.expr(check.expression), F.lit(False))
        case Range():
            return F.coalesce(_outside(check, type_of(spec, check.column)), F.lit(False))
        case OneOf():
            return F.coalesce(~F.col(check.column).isin(list(check.values)), F.lit(False))
        case Pattern():
            # \z and not $, which also matches before a line's end.
            whole = rf"\A(?:{check.pattern})\z"
            return F.coalesce(~F.col(check.column).rlike(whole), F.lit(False))
        case ForeignKey():
            return all_present(check.columns) & F.col(f"_found_{check.name}").isNull()
        case SumRule():
            other = F.expr(check.equals) if check.equals else F.col(f"_sum_{check.name}")
            gap = F.abs(F.expr(check.expression) - other)
            # Whole numbers stay whole: a decimal would make decimals of the other side, row by row.
            is_whole = check.tolerance == int(check.tolerance)
            tolerance = F.lit(int(check.tolerance)) if is_whole else F.lit(check.tolerance)
            return F.coalesce(gap > tolerance, F.lit(False))
        case _:
            raise TypeError(f"{check.kind} is no check of single rows")


def needs_other_table(check: Check) -> str | None:
    """The other table that a check of single rows reads, if any."""
    if isinstance(check, ForeignKey):
        return check.table
    return check.child.table if isinstance(check, SumRule) and check.child else None


def with_other_tables(frame: DataFrame, checks: tuple[Check, ...], read: Reader) -> DataFrame:
    """The rows of `frame`, with what the checks need of other tables, as far as these are there."""
    for check in checks:
        table = needs_other_table(check)
        other = read(table) if table else None
        if other is not None and isinstance(check, ForeignKey):
            frame = _with_found(frame, check, other)
        elif other is not None and isinstance(check, SumRule):
            frame = _with_sum(frame, check, other)
    return frame


def all_present(columns: tuple[str, ...]) -> Column:
    """Whether none of the columns is null."""
    return reduce(lambda left, right: left & right, (F.col(name).isNotNull() for name in columns))


def type_of(spec: TableSpec, column: str) -> str:
    """The declared type of a column."""
    types: Mapping[str, str] = {each.name: each.type for each in spec.columns}
    return types[column]


def _outside(check: Range, column_type: str) -> Column:
    value = F.col(check.column)
    bounds = [value < F.lit(check.min)] if check.min is not None else []
    bounds += [value > F.lit(check.max)] if check.max is not None else []
    # For Spark, not-a-number is greater than any number: without this it would pass where there is no max.
    bounds += [F.isnan(value)] if column_type in FLOATS else []
    return reduce(lambda left, right: left | right, bounds)


def _with_found(frame: DataFrame, check: ForeignKey, other: DataFrame) -> DataFrame:
    """One row per row of `frame`: the referenced values are made distinct first."""
    names = {theirs: f"_{check.name}_{theirs}" for theirs in check.referenced}
    known = other.select(*(F.col(theirs).alias(name) for theirs, name in names.items())).distinct()
    agree = [
        F.col(ours) == F.col(names[theirs])
        for ours, theirs in zip(check.columns, check.referenced, strict=True)
    ]
    marked = known.withColumn(f"_found_{check.name}", F.lit(True))
    return frame.join(marked, agree, how="left").drop(*names.values())


def _with_sum(frame: DataFrame, check: SumRule, other: DataFrame) -> DataFrame:
    """One row per row of `frame`, with the sum over its rows of the other table."""
    assert check.child is not None
    names = {theirs: f"_{check.name}_{theirs}" for theirs in check.child.by.values()}
    value = F.expr(check.child.expression)
    # A sum leaves nulls out; with one missing, what the sum should be is not known.
    is_whole = F.count(value) == F.count(F.lit(1))
    sums = other.groupBy(*(F.col(theirs).alias(name) for theirs, name in names.items())).agg(
        F.when(is_whole, F.sum(value)).alias(f"_sum_{check.name}")
    )
    agree = [F.col(ours) == F.col(names[theirs]) for ours, theirs in check.child.by.items()]
    return frame.join(sums, agree, how="left").drop(*names.values())

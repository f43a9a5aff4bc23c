"""Checks of single rows and of distinctness, compiled into one aggregate pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.quality.conditions import ROW_CHECKS, fails
from invoicelake.quality.distinctness import count_repeats
from invoicelake.table_spec import Check, TableSpec, Unique

ROWS = "_rows"


def count_all(
    frame: DataFrame,
    spec: TableSpec,
    checks: Sequence[Check],
    more: Mapping[str, Column] | None = None,
    beside: Sequence[DataFrame] = (),
) -> dict[str, Any]:
    """Count in one pass the rows, those that fail each check by its name, and what else is asked for.

    A check of distinctness counts every row that shares its values with another one.

    Args:
        frame: with what the checks need of other tables.
        checks: of single rows, and of distinctness; others are left out.
        more: further aggregates over the same rows, by name.
        beside: frames of one row whose columns are wanted too; they run along.
    """
    counts = [
        F.count_if(fails(check, spec)).alias(check.name) for check in checks if isinstance(check, ROW_CHECKS)
    ]
    others = [column.alias(name) for name, column in (more or {}).items()]
    parts = [frame.agg(F.count(F.lit(1)).alias(ROWS), *counts, *others), *beside]
    # A union runs the parts side by side as one job; each row of it holds some of the answers.
    answers = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), parts).collect()
    found = {name: value for row in answers for name, value in row.asDict().items() if value is not None}
    uniques = [check for check in checks if isinstance(check, Unique)]
    return found | count_repeats(frame, uniques, int(found[ROWS]))

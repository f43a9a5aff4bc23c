"""Checks of single rows and of distinctness, compiled into one aggregate pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.quality.conditions import ROW_CHECKS, fails
from invoicelake.quality.distinctness import DIGESTS, count_repeats, first_digests
from invoicelake.table_spec import Check, TableSpec, Unique

ROWS = "_rows"
_COUNTED = "_counted"


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
        _times(fails(check, spec)).alias(check.name) for check in checks if isinstance(check, ROW_CHECKS)
    ]
    uniques = [check for check in checks if isinstance(check, Unique)]
    others = [column.alias(name) for name, column in (more or {}).items()]
    # One struct, lest the digests' rows carry a null for each count.
    counted = frame.agg(F.struct(F.count(F.lit(1)).alias(ROWS), *counts, *others).alias(_COUNTED))
    parts = [counted, *beside, *([first_digests(frame, uniques)] if uniques else [])]
    # A union runs the parts side by side as one job; each row of it holds some of the answers.
    answers = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), parts).collect()
    found: dict[str, Any] = {}
    digests: list[list[int | None]] = []
    for answer in answers:
        values = answer.asDict()
        if values.get(DIGESTS) is not None:
            digests.append(values[DIGESTS])
            continue
        counted_here = values.pop(_COUNTED)
        values |= counted_here.asDict() if counted_here else {}
        found |= {name: value for name, value in values.items() if value is not None}
    return found | count_repeats(frame, uniques, int(found[ROWS]), digests)


def _times(condition: Column) -> Column:
    """In how many rows a condition holds; `count_if` would compute it a second time where it does."""
    return F.count(F.when(condition, F.lit(1)))

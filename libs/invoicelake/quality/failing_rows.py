"""The rows that fail a check, found exactly: their key, what fails, and how often."""

from __future__ import annotations

import re
from functools import reduce

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.quality.conditions import ROW_CHECKS, Reader, fails, with_other_tables
from invoicelake.quality.distinctness import repeated_values
from invoicelake.quality.outcomes import TableFindings
from invoicelake.table_spec import Check, Condition, SumRule, TableSpec, Unique


def failing_rows(
    frame: DataFrame, spec: TableSpec, findings: TableFindings, read: Reader
) -> DataFrame | None:
    """Rows of `frame` that fail checks, in the columns of gold.failing_row; None where all pass.

    One row per check, key and values; `copies` of them, for rows that repeat each other may agree in all.
    """
    failing = tuple(outcome.check for outcome in findings.failing)
    of_rows = tuple(check for check in failing if isinstance(check, ROW_CHECKS))
    parts = [_single(with_other_tables(frame, of_rows, read), spec, of_rows)] if of_rows else []
    parts += [_repeating(frame, spec, check) for check in failing if isinstance(check, Unique)]
    if not parts:
        return None
    every = reduce(DataFrame.unionByName, parts)
    counted = every.groupBy("check_name", "row_key", "failing_value").agg(F.count(F.lit(1)).alias("copies"))
    return counted.select(
        F.lit(spec.full_name).alias("table_name"),
        "check_name",
        "row_key",
        "failing_value",
        F.lit(findings.version).cast("bigint").alias("table_version"),
        "copies",
    )


def columns_of(check: Check, spec: TableSpec) -> list[str]:
    """Columns that a check reads, those within SQL included, as declared; the key where none is named."""
    texts = [check.expression] if isinstance(check, Condition | SumRule) else []
    texts += [check.equals or ""] if isinstance(check, SumRule) else []
    words = set(re.findall(r"\w+", " ".join(texts))) | set(check.on)
    return [name for name in spec.column_names if name in words] or list(spec.key)


def _single(frame: DataFrame, spec: TableSpec, checks: tuple[Check, ...]) -> DataFrame:
    """Each row once for each of the checks that it fails, in one pass."""
    entries = [
        F.when(
            fails(check, spec),
            F.struct(
                F.lit(check.name).alias("check_name"), _json(columns_of(check, spec)).alias("failing_value")
            ),
        )
        for check in checks
    ]
    failed = frame.select(
        _json(list(spec.key)).alias("row_key"), F.explode(F.array_compact(F.array(*entries))).alias("entry")
    )
    return failed.select("entry.check_name", "row_key", "entry.failing_value")


def _repeating(frame: DataFrame, spec: TableSpec, check: Unique) -> DataFrame:
    """Every row whose values another row has, too."""
    repeats = repeated_values(frame, check.columns).drop("_times")
    rows = frame.join(repeats, on=list(check.columns), how="left_semi")
    return rows.select(
        F.lit(check.name).alias("check_name"),
        _json(list(spec.key)).alias("row_key"),
        _json(list(check.columns)).alias("failing_value"),
    )


def _json(columns: list[str]) -> Column:
    return F.to_json(F.struct(*columns), {"ignoreNullFields": "false"})

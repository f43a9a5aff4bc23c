"""All checks of one table version, measured together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.quality import drift
from invoicelake.quality.conditions import ROW_CHECKS, Reader, needs_other_table, with_other_tables
from invoicelake.quality.counting import ROWS, count_all
from invoicelake.quality.drift import Bins
from invoicelake.quality.outcomes import Outcome, TableFindings
from invoicelake.table_spec import Check, Counted, Drift, Freshness, NotNull, RowCount, TableSpec, Unique


@dataclass(frozen=True)
class Surroundings:
    """What checks need beside the table itself.

    Attributes:
        read: other tables.
        as_of: the day that freshness is judged on; None: it is not judged.
        bins: by the name of a check of drift, fitted on the version before; else `no_bins` says why not.
    """

    read: Reader
    as_of: date | None = None
    bins: Mapping[str, Bins] = field(default_factory=dict)
    no_bins: str = "there is no version before"


def measure(frame: DataFrame, spec: TableSpec, version: int, around: Surroundings) -> TableFindings:
    """Count everything that the checks of a table ask for, in one pass over it, and judge it."""
    unmeasured = _unmeasured(spec, around)
    checks = tuple(check for check in spec.all_checks if check.name not in unmeasured)
    found = count_all(
        with_other_tables(frame, checks, around.read),
        spec,
        checks,
        more=_aggregates(spec, checks, around.bins),
        beside=[
            _counted(each, around.read, name)
            for check in checks
            if isinstance(check, RowCount)
            for name, each in _sides(check)
        ],
    )
    outcomes = [
        Outcome(check, None, None, None, unmeasured[check.name])
        if check.name in unmeasured
        else _outcome(check, found, around)
        for check in spec.all_checks
    ]
    rows = int(found[ROWS])
    nulls = {check.column: int(found[check.name]) for check in checks if isinstance(check, NotNull)}
    nulls |= {name: rows - int(found[f"_present_{name}"]) for name in spec.column_names if name not in nulls}
    in_order = {name: nulls[name] for name in spec.column_names}
    return TableFindings(spec.full_name, version, rows, in_order, tuple(outcomes))


def _unmeasured(spec: TableSpec, around: Surroundings) -> dict[str, str]:
    """Why checks cannot be measured, by their names."""
    reasons = {}
    for check in spec.all_checks:
        tables = [needs_other_table(check) or ""] if needs_other_table(check) else []
        tables += [each.table for _, each in _sides(check)] if isinstance(check, RowCount) else []
        missing = sorted({table for table in tables if around.read(table) is None})
        if missing:
            reasons[check.name] = f"there is no table {', '.join(missing)}"
        elif isinstance(check, Freshness) and around.as_of is None:
            reasons[check.name] = "no day was given to judge it on; set quality.as_of"
        elif isinstance(check, Drift) and check.name not in around.bins:
            reasons[check.name] = around.no_bins
    return reasons


def _aggregates(spec: TableSpec, checks: tuple[Check, ...], bins: Mapping[str, Bins]) -> dict[str, Column]:
    """What is counted beside the rows that fail: nulls of every column, newest values, rows per bin."""
    counted = {check.column for check in checks if isinstance(check, NotNull)}
    columns = {f"_present_{name}": F.count(name) for name in spec.column_names if name not in counted}
    for check in checks:
        match check:
            case Freshness():
                columns[f"_newest_{check.name}"] = F.max(F.col(check.column).cast("date"))
            case Drift():
                columns |= drift.counts(check, bins[check.name], spec)
            case RowCount():
                columns[f"_own_{check.name}"] = F.count_if(F.coalesce(F.expr(check.where), F.lit(False)))
    return columns


def _sides(check: RowCount) -> list[tuple[str, Counted]]:
    sides = (("plus", check.plus), ("equals", check.equals))
    return [
        (f"_{side}_{number}_{check.name}", each)
        for side, counted in sides
        for number, each in enumerate(counted)
    ]


def _counted(counted: Counted, read: Reader, name: str) -> DataFrame:
    other = read(counted.table)
    assert other is not None
    return other.where(counted.where).agg(F.expr(counted.expression).cast("double").alias(name))


def _outcome(check: Check, found: Mapping[str, Any], around: Surroundings) -> Outcome:
    rows = int(found[ROWS])
    match check:
        case Freshness():
            return _freshness(check, found.get(f"_newest_{check.name}"), around.as_of)
        case RowCount():
            return _row_count(check, found)
        case Drift():
            fitted = around.bins[check.name]
            now = drift.histogram(check.name, fitted, found, rows)
            return _drift(check, drift.stability_index(fitted.before, now))
        case _:
            assert isinstance(check, (*ROW_CHECKS, Unique))
            failed = int(found[check.name])
            return Outcome(check, failed, failed / rows if rows else 0.0, not failed)


def _freshness(check: Freshness, newest: date | None, as_of: date | None) -> Outcome:
    if newest is None or as_of is None:
        return Outcome(check, None, None, None, f"{check.column} has no value")
    age = (as_of - newest).days
    return Outcome(check, None, float(age), age <= check.max_age_days, f"newest {newest}, judged on {as_of}")


def _row_count(check: RowCount, found: Mapping[str, Any]) -> Outcome:
    ours = float(found[f"_own_{check.name}"]) + _total(check, found, "plus")
    theirs = _total(check, found, "equals")
    gap = abs(ours - theirs)
    detail = f"{ours:,.0f} here, {theirs:,.0f} there" if gap else None
    return Outcome(check, round(gap), ours, gap <= check.tolerance, detail)


def _total(check: RowCount, found: Mapping[str, Any], side: str) -> float:
    """A sum over no rows is null, and counts as none."""
    return sum(float(found.get(name, 0.0)) for name, _ in _sides(check) if name.startswith(f"_{side}_"))


def _drift(check: Drift, index: float | None) -> Outcome:
    if index is None:
        return Outcome(check, None, None, None, "one of the two versions has no rows")
    is_notable = check.notable <= index < check.limit
    detail = f"a shift worth a look: {check.notable:g} or more" if is_notable else None
    return Outcome(check, None, index, index < check.limit, detail)

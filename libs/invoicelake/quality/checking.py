"""Tables of a lake checked, and what was found as rows of the tables behind the data-quality page."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame

from invoicelake.errors import JobError
from invoicelake.quality.failing_rows import columns_of, failing_rows
from invoicelake.quality.measuring import Surroundings, measure
from invoicelake.quality.outcomes import Outcome, TableFindings, errors, expected
from invoicelake.quality.versions import fit_before
from invoicelake.tables import Lake

log = logging.getLogger(__name__)

CHECKS, FAILING, COLUMNS = "gold.table_check", "gold.failing_row", "gold.column_quality"
# Their versions change by being checked, so checking them would never come to rest.
OWN = (CHECKS, FAILING, COLUMNS)


@dataclass
class Findings:
    """What a run found.

    Attributes:
        tables: what was checked, by name.
        missing: tables that are declared but have not been made.
        failing: rows that fail, in the columns of gold.failing_row; None: none.
    """

    tables: list[TableFindings] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failing: DataFrame | None = None

    def counted(self) -> dict[str, float | str]:
        """For the last line of output."""
        outcomes = [outcome for each in self.tables for outcome in each.outcomes]
        failing = [outcome for each in self.tables for outcome in each.failing]
        return {
            "tables": len(self.tables),
            "missing": len(self.missing),
            "checks": len(outcomes),
            "failed": sum(outcome.check.severity == "error" for outcome in failing),
            "warnings": sum(outcome.check.severity == "warning" for outcome in failing),
            "not_measured": sum(outcome.passed is None for outcome in outcomes),
        }


def check_tables(lake: Lake, wanted: Sequence[str], as_of: date | None) -> Findings:
    """Check the newest version of each table, one pass each.

    Args:
        wanted: names of tables; none: all but those that hold the results.
        as_of: the day that freshness is judged on.

    Raises:
        JobError: a table that is wanted is not declared, or holds another schema than declared.
    """
    unknown = sorted(set(wanted) - set(lake.specs))
    if unknown:
        raise JobError(
            f"no table {', '.join(unknown)} is declared; quality.tables takes names like silver.document"
        )
    found = Findings()
    parts = []
    for name in sorted(set(wanted) or set(lake.specs) - set(OWN)):
        if not lake.exists(name):
            found.missing.append(name)
            continue
        findings, failing = _check(lake, name, as_of)
        found.tables.append(findings)
        parts += [failing] if failing is not None else []
    found.failing = reduce(DataFrame.unionByName, parts) if parts else None
    return found


def require_passed(findings: Findings) -> None:
    """Fail where a check failed that is an error.

    Raises:
        JobError: names the tables and their checks.
    """
    failed = errors(findings.tables)
    if failed:
        listed = "; ".join(f"{table}: {', '.join(names)}" for table, names in failed.items())
        raise JobError(f"tables fail checks that are errors ({listed}); the rows are in {FAILING}")


def check_rows(lake: Lake, findings: Findings) -> DataFrame:
    """Outcomes in the columns of gold.table_check."""
    rows = [
        (
            each.table,
            each.version,
            outcome.check.name,
            outcome.check.kind,
            outcome.check.severity,
            ", ".join(_columns(lake, each, outcome)),
            expected(outcome.check),
            each.rows,
            outcome.failed,
            outcome.measured,
            outcome.passed,
            outcome.detail,
        )
        for each in findings.tables
        for outcome in each.outcomes
    ]
    spec = lake.specs[CHECKS]
    return lake.spark.createDataFrame(rows, spec.ddl_of(*spec.written))


def column_rows(lake: Lake, findings: Findings) -> DataFrame:
    """Completeness in the columns of gold.column_quality."""
    rows = [
        (each.table, each.version, name, each.rows, nulls, _share(nulls, each), failed, _share(failed, each))
        for each in findings.tables
        for name, nulls in each.nulls.items()
        for failed in [_most_failed(lake, each, name)]
    ]
    spec = lake.specs[COLUMNS]
    return lake.spark.createDataFrame(rows, spec.ddl_of(*spec.written))


def failing(lake: Lake, findings: Findings) -> DataFrame:
    """Failing rows in the columns of gold.failing_row."""
    spec = lake.specs[FAILING]
    if findings.failing is None:
        return lake.spark.createDataFrame([], spec.ddl_of(*spec.written))
    return findings.failing.select(*spec.written)


def of_tables(findings: Findings) -> str:
    """The rows of the tables that this run is about, as a condition; those of other tables stay."""
    names = ", ".join(f"'{name}'" for name in [*(each.table for each in findings.tables), *findings.missing])
    return f"table_name IN ({names})" if names else "false"


def of_versions(findings: Findings) -> str:
    """The rows of the table versions that were checked, as a condition; those of other versions stay."""
    each = (
        f"(table_name = '{found.table}' AND table_version = {found.version})" for found in findings.tables
    )
    return " OR ".join(each) or "false"


def _check(lake: Lake, name: str, as_of: date | None) -> tuple[TableFindings, DataFrame | None]:
    spec = lake.specs[name]
    version = lake.version(name)
    frame = lake.read(name, version)
    bins, no_bins = fit_before(lake, spec, version)

    def read(other: str) -> DataFrame | None:
        return lake.read(other) if other in lake.specs and lake.exists(other) else None

    found = measure(frame, spec, version, Surroundings(read, as_of, bins, no_bins))
    log.info("%s: %d rows, %d checks, %d fail", name, found.rows, len(found.outcomes), len(found.failing))
    return found, failing_rows(frame, spec, found, read)


def _columns(lake: Lake, table: TableFindings, outcome: Outcome) -> list[str]:
    return columns_of(outcome.check, lake.specs[table.table])


def _most_failed(lake: Lake, table: TableFindings, column: str) -> int:
    return max(
        (
            outcome.failed or 0
            for outcome in table.outcomes
            if outcome.check.kind != "row_count" and column in _columns(lake, table, outcome)
        ),
        default=0,
    )


def _share(rows: int, table: TableFindings) -> float:
    return rows / table.rows if table.rows else 0.0

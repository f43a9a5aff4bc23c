"""The data-quality page: one HTML file with every check, its trend and the worst columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from pyspark.sql import Row

from invoicelake.quality import plots
from invoicelake.quality.checking import CHECKS, COLUMNS, Findings
from invoicelake.quality.outcomes import TableFindings
from invoicelake.tables import Lake

if TYPE_CHECKING:
    from markupsafe import Markup

MAX_LINES, MAX_COLUMNS = 8, 15
VERDICTS = {
    True: ("✓", "passed", "right"),
    False: ("✗", "failed", "wrong"),
    None: ("\N{EN DASH}", "not measured", "none"),
}
ORDER = {False: 0, None: 1, True: 2}
SHARES = ("not_null", "unique", "condition", "range", "set", "pattern", "foreign_key", "sum_rule")


@dataclass(frozen=True)
class Figure:
    """A plot with what it shows, in words."""

    caption: str
    svg: Markup


@dataclass(frozen=True)
class TableSection:
    """One table: its checks, those that failed first, and its trends."""

    name: str
    version: int
    rows: int
    checks: Sequence[Row]
    trends: Sequence[Figure]

    @property
    def failing(self) -> int:
        """Checks that failed."""
        return sum(check.is_passed is False for check in self.checks)


def write(lake: Lake, findings: Findings) -> Path:
    """Draw the page from the tables behind it, which hold this run already; same tables, same page."""
    file = Path(lake.side_folder("reports")) / "data-quality.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render(lake, findings), encoding="utf-8")
    return file


def render(lake: Lake, findings: Findings) -> str:
    """The page as HTML."""
    history = lake.read(CHECKS).orderBy("table_name", "table_version", "check_name").collect()
    versions = {each.table: each.version for each in findings.tables}
    columns = [row for row in lake.read(COLUMNS).collect() if versions.get(row[0]) == row[1]]
    sections = [_section(each, history) for each in findings.tables]
    environment = Environment(
        loader=PackageLoader("invoicelake.quality"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = plots.in_percent
    return environment.get_template("data_quality.html.j2").render(
        findings=findings,
        counts=findings.counted(),
        sections=sorted(sections, key=lambda section: (-section.failing, section.name)),
        worst=[
            _worst(columns, "failed_share", "Columns by the share of rows that fail a check on them", 1),
            _worst(columns, "null_share", "Columns by the share of rows that have no value in them", 0),
        ],
        verdicts=VERDICTS,
        shares=SHARES,
    )


def _section(table: TableFindings, history: Sequence[Row]) -> TableSection:
    of_table = [row for row in history if row.table_name == table.table]
    checks = [row for row in of_table if row.table_version == table.version]
    checks.sort(key=lambda row: (ORDER[row.is_passed], row.check_name))
    return TableSection(table.table, table.version, table.rows, checks, _trends(of_table))


def _trends(history: Sequence[Row]) -> list[Figure]:
    """Of the checks that ever failed how many rows did, and how far each distribution shifted.

    None of a table of which one version was checked: a single point is no trend.
    """
    if len({row.table_version for row in history}) < 2:
        return []
    shares = _series([row for row in history if row.kind in SHARES])
    ever = {name: points for name, points in shares.items() if any(value for _, value in points)}
    shifts = _series([row for row in history if row.kind == "drift"])
    rows = {"rows": sorted({(row.table_version, float(row.row_count)) for row in history})}
    figures = [("Rows", rows, "rows")]
    figures += (
        [("Rows that fail, of those checks that ever failed", _first(ever), "share of rows")] if ever else []
    )
    if shifts:
        figures.append(("Shift from the version before", _first(shifts), "stability index"))
    return [Figure(caption, _safe(plots.trends(series, label))) for caption, series, label in figures]


def _series(history: Sequence[Row]) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for row in history:
        if row.measured is not None:
            found.setdefault(row.check_name, []).append((row.table_version, row.measured))
    return found


def _first(series: dict[str, list[tuple[int, float]]]) -> dict[str, list[tuple[int, float]]]:
    """Those whose newest value is highest, as many as can be told apart."""
    ranked = sorted(series.items(), key=lambda named: (-named[1][-1][1], named[0]))
    return dict(ranked[:MAX_LINES])


def _worst(columns: Sequence[Row], share: str, caption: str, colour: int) -> Figure | None:
    found = {f"{row.table_name}.{row.column_name}": row[share] for row in columns if row[share] > 0}
    ranked = sorted(found.items(), key=lambda named: (-named[1], named[0]))[:MAX_COLUMNS]
    return Figure(caption, _safe(plots.bars(dict(ranked), colour))) if ranked else None


def _safe(svg: str) -> Markup:
    """Drawn here; the names in it were escaped by the plotter."""
    from markupsafe import Markup

    return Markup(svg)

"""What was fitted, as rows of a table: scoring reads them and applies exactly what training saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame, SparkSession

_COLUMNS = (
    "fit_id string, transform string, input_table string, settings string, generation int, "
    "column_name string, parameter string, position int, value double, text string"
)


@dataclass(frozen=True, order=True)
class Parameter:
    """One number or text that was fitted.

    Args:
        column_name: the column it belongs to; empty: to all of them.
        parameter: such as `mean`, `edge` or `loading`.
        position: place in a list of them, from 0.
    """

    column_name: str
    parameter: str
    position: int = 0
    value: float | None = None
    text: str | None = None


@dataclass(frozen=True)
class Request:
    """What is to be fitted: a transform of columns of a table.

    Args:
        settings: what the fit depends on besides the data, such as the number of bins.
    """

    transform: str
    input_table: str
    columns: tuple[str, ...]
    settings: tuple[tuple[str, str | int | float], ...] = ()

    @property
    def settings_text(self) -> str:
        """Columns and settings, as the table keeps them."""
        return json.dumps({"columns": list(self.columns), **dict(self.settings)}, sort_keys=True)


@dataclass(frozen=True)
class Fit:
    """A transform with what was fitted; `generation` counts the fits of the same request, from 1."""

    transform: str
    input_table: str
    settings_text: str
    generation: int
    parameters: tuple[Parameter, ...]

    @property
    def fit_id(self) -> str:
        """Digest of all of it: the same name stands for the same numbers, to the last bit."""
        content = [
            (each.column_name, each.parameter, each.position, _bits(each.value), each.text)
            for each in self.parameters
        ]
        named = [self.transform, self.input_table, self.settings_text, self.generation, content]
        return hashlib.sha256(json.dumps(named).encode()).hexdigest()[:16]

    def values(self, column_name: str, parameter: str) -> list[float]:
        """Numbers of a column by position; empty where there are none."""
        return [each.value for each in self._of(column_name, parameter) if each.value is not None]

    def texts(self, column_name: str, parameter: str) -> list[str]:
        """Texts of a column by position; empty where there are none."""
        return [each.text for each in self._of(column_name, parameter) if each.text is not None]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it was fitted on, in their order."""
        return tuple(json.loads(self.settings_text)["columns"])

    def _of(self, column_name: str, parameter: str) -> list[Parameter]:
        found = [p for p in self.parameters if (p.column_name, p.parameter) == (column_name, parameter)]
        return sorted(found, key=lambda each: each.position)


def settled(
    stored: Sequence[Fit], request: Request, refit: bool, fitted: Callable[[], Iterable[Parameter]]
) -> Fit:
    """The fit of `request` to use: the newest stored one, or a new one where there is none or `refit`.

    Fitting again to the same numbers gives the stored fit again, so that a second run changes nothing.

    Args:
        fitted: called only if there is something to fit.
    """
    newest = current(stored, request)
    if newest and not refit:
        return newest
    parameters = tuple(sorted(fitted(), key=lambda each: (each.column_name, each.parameter, each.position)))
    if newest and newest.parameters == parameters:
        return newest
    generation = newest.generation + 1 if newest else 1
    return Fit(request.transform, request.input_table, request.settings_text, generation, parameters)


def current(stored: Sequence[Fit], request: Request) -> Fit | None:
    """The newest stored fit of `request`."""
    asked = (request.transform, request.input_table, request.settings_text)
    found = [fit for fit in stored if (fit.transform, fit.input_table, fit.settings_text) == asked]
    return max(found, key=lambda fit: fit.generation, default=None)


def fitted_rows(spark: SparkSession, fits: Iterable[Fit]) -> DataFrame:
    """The columns of gold.fitted_parameter; one row per fit and parameter."""
    rows = [
        (
            *(fit.fit_id, fit.transform, fit.input_table, fit.settings_text, fit.generation),
            *(each.column_name, each.parameter, each.position, each.value, each.text),
        )
        for fit in dict.fromkeys(fits)
        for each in fit.parameters
    ]
    return spark.createDataFrame(rows, _COLUMNS)


def stored_fits(rows: DataFrame) -> list[Fit]:
    """The fits in gold.fitted_parameter; collected, for a fit has some dozens of rows."""
    found: dict[str, Fit] = {}
    for row in rows.collect():
        key, parameter = row["fit_id"], _parameter(row.asDict())
        known = found.get(key) or Fit(
            row["transform"], row["input_table"], row["settings"], row["generation"], ()
        )
        found[key] = replace(known, parameters=(*known.parameters, parameter))
    return [_sorted(fit) for _, fit in sorted(found.items())]


def _parameter(row: Mapping[str, object]) -> Parameter:
    fields = ("column_name", "parameter", "position", "value", "text")
    return Parameter(**{name: row[name] for name in fields})  # type: ignore[arg-type]


def _sorted(fit: Fit) -> Fit:
    ordered = sorted(fit.parameters, key=lambda each: (each.column_name, each.parameter, each.position))
    return replace(fit, parameters=tuple(ordered))


def _bits(value: float | None) -> str | None:
    return None if value is None else float(value).hex()

"""The same 40 checks as one suite of Great Expectations.

It bundles its metrics into as few Spark jobs as it can, draws no progress bars and sends nothing home.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from check_list import (
    AS_OF,
    MAX_AGE_DAYS,
    NOT_NULL,
    ORDERED,
    PATTERNS,
    RANGES,
    ROWS,
    SETS,
    SUMS,
    UNIQUE,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


# What a user gets who sets nothing: counts, and up to 20 examples of a failing check.
DEFAULT = {"result_format": "SUMMARY"}
# Verdicts and counts alone: each list of examples is a Spark job more.
LEANEST = {"result_format": "BASIC", "partial_unexpected_count": 0}


def validator(
    frame: DataFrame, result_format: dict[str, Any]
) -> Callable[[], dict[str, tuple[bool, int | None]]]:
    """What validates `frame`, set up: name of a check to its verdict and the number of failing rows."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    # The frame is cached already.
    source = context.data_sources.add_spark("spark", persist=False)
    asset = source.add_dataframe_asset("invoices")
    definition = asset.add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(gx.ExpectationSuite(name="checks", expectations=expectations(gx.expectations)))

    def validate() -> dict[str, tuple[bool, int | None]]:
        batch = definition.get_batch(batch_parameters={"dataframe": frame})
        found = batch.validate(suite, result_format=result_format)
        return dict(_verdict(result) for result in found.results)

    return validate


def expectations(gxe: Any) -> list[Any]:
    """The checks of `check_list`, each with its name there."""
    return [
        *(gxe.ExpectColumnValuesToNotBeNull(column=name, meta=named(name, "not_null")) for name in NOT_NULL),
        *(_unique(gxe, names) for names in UNIQUE),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=name, min_value=least, max_value=most, meta=named(name, "range")
            )
            for name, least, most in RANGES
        ),
        *(
            gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(values), meta=named(name, "set"))
            for name, values in SETS
        ),
        *(
            gxe.ExpectColumnValuesToMatchRegex(
                column=name, regex=f"^(?:{pattern})$", meta=named(name, "pattern")
            )
            for name, pattern in PATTERNS
        ),
        *(
            gxe.ExpectMulticolumnSumToEqual(
                column_list=list(names), sum_total=total, meta=named(names[0], "sum")
            )
            for names, total in SUMS
        ),
        *(
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A=later, column_B=earlier, or_equal=True, meta=named(later, "order")
            )
            for later, earlier in ORDERED
        ),
        gxe.ExpectColumnMaxToBeBetween(
            column="invoice_date", min_value=AS_OF - timedelta(days=MAX_AGE_DAYS), meta={"check": "is_fresh"}
        ),
        gxe.ExpectTableRowCountToEqual(value=ROWS, meta={"check": "is_whole"}),
    ]


def named(column: str, kind: str) -> dict[str, str]:
    """What tells which of our checks an expectation is."""
    return {"check": f"{column}_{kind}"}


def _unique(gxe: Any, names: tuple[str, ...]) -> Any:
    # The key is unique by declaration.
    meta = {"check": "key_unique"} if names == UNIQUE[0] else named(names[0], "unique")
    if len(names) == 1:
        return gxe.ExpectColumnValuesToBeUnique(column=names[0], meta=meta)
    return gxe.ExpectCompoundColumnsToBeUnique(column_list=list(names), meta=meta)


def _verdict(result: Any) -> tuple[str, tuple[bool, int | None]]:
    name = result.expectation_config.meta["check"]
    return name, (bool(result.success), result.result.get("unexpected_count"))

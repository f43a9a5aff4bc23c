"""Rows that share their values with other rows, exactly, without a shuffle where there are none.

Equal values have equal digests. So where no digest comes twice the values are unique for certain, and where
some do, only rows with these digests need to be compared by their values. A distinct count among other
aggregates takes several times as long, for it carries all their counters along with every value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.quality.conditions import all_present
from invoicelake.table_spec import Unique

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# 8 bytes a row and check come to the driver; above this, Spark groups the digests.
MAX_ROWS = 5_000_000
MAX_SUSPECTS = 1_000


def count_repeats(frame: DataFrame, checks: Sequence[Unique], rows: int) -> dict[str, int]:
    """By the name of each check, the rows that share their values with another one.

    Args:
        rows: the number of rows of `frame`.
    """
    if not checks or not rows:
        return dict.fromkeys((check.name for check in checks), 0)
    if rows > MAX_ROWS:
        return {check.name: repeated(frame, check.columns)[0] for check in checks}
    found = {}
    for check, digests in zip(checks, _repeated_digests(frame, checks), strict=True):
        few = 0 < len(digests) <= MAX_SUSPECTS
        suspects = frame.where(_digest(check.columns).isin(digests)) if few else frame
        found[check.name] = repeated(suspects, check.columns)[0] if digests else 0
    return found


def repeated(frame: DataFrame, columns: Sequence[str]) -> tuple[int, int]:
    """How many rows share their values with another row, and how many are so beyond the first of each."""
    times = F.col("_times")
    sums = repeated_values(frame, columns).agg(F.sum(times), F.sum(times - 1)).first()
    assert sums is not None
    return int(sums[0] or 0), int(sums[1] or 0)


def repeated_values(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Values that more than one row has, and `_times`, how many; rows with a null among them have none."""
    present = frame.where(all_present(tuple(columns)))
    return present.groupBy(*columns).agg(F.count(F.lit(1)).alias("_times")).where("_times > 1")


def _repeated_digests(frame: DataFrame, checks: Sequence[Unique]) -> list[list[int]]:
    """The digests that come more than once, check by check."""
    digests = [_digest(check.columns).alias(f"digest{number}") for number, check in enumerate(checks)]
    present = [all_present(check.columns).alias(f"present{number}") for number, check in enumerate(checks)]
    found: Any = frame.select(*digests, *present).toPandas()
    return [
        _twice(found[f"digest{number}"].to_numpy()[found[f"present{number}"].to_numpy(dtype=bool)])
        for number in range(len(checks))
    ]


def _twice(values: npt.NDArray[np.int64]) -> list[int]:
    import numpy as np

    ordered = np.sort(values)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return [int(value) for value in np.unique(again)]


def _digest(columns: Sequence[str]) -> Column:
    return F.xxhash64(*columns)

"""Rows that share their values with other rows, exactly, without a shuffle where there are none.

Equal values have equal digests. So where no digest comes twice the values are unique for certain, and where
some do, only rows with these digests need to be compared by their values. A distinct count among other
aggregates takes several times as long, for it carries all their counters along with every value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
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
# Of the rows of each partition, those whose digests come along with the counts: all of them in a small frame.
FIRST_ROWS = 5_000
DIGESTS = "_digests"


def first_digests(frame: DataFrame, checks: Sequence[Unique]) -> DataFrame:
    """A digest for each check of the first rows of each partition, as one array; null where a value is."""
    digests = [F.when(all_present(check.columns), _digest(check.columns)) for check in checks]
    # The lower bits of this id number the rows of a partition. A limit would bring all rows to one place.
    place = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << 33) - 1))
    return frame.where(place < FIRST_ROWS).select(F.array(*digests).alias(DIGESTS))


def count_repeats(
    frame: DataFrame, checks: Sequence[Unique], rows: int, first: Sequence[Sequence[int | None]]
) -> dict[str, int]:
    """By the name of each check, the rows that share their values with another one.

    Args:
        rows: the number of rows of `frame`.
        first: what `first_digests` found; where it is not of all rows, the digests are read anew.
    """
    if not checks or not rows:
        return dict.fromkeys((check.name for check in checks), 0)
    if rows > MAX_ROWS:
        return {check.name: repeated(frame, check.columns)[0] for check in checks}
    again = (
        [_more_than_once(digests) for digests in zip(*first, strict=True)]
        if len(first) == rows
        else _repeated_digests(frame, checks)
    )
    found = {}
    for check, digests in zip(checks, again, strict=True):
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


def _more_than_once(digests: Iterable[int | None]) -> list[int]:
    times = Counter(digest for digest in digests if digest is not None)
    return sorted(digest for digest, count in times.items() if count > 1)


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

"""What a write would change in a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from invoicelake.table_spec import TableSpec

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def changes(present: DataFrame, frame: DataFrame, spec: TableSpec, replaces: str | None) -> DataFrame:
    """Rows of `frame` that are new or differ, and rows to remove; with time stamps and `is_removed`.

    Args:
        present: the table's rows, or those of the slice that `frame` belongs to.
        frame: the table's columns but its time stamps.
        replaces: an SQL condition; rows of `present` that meet it and are not in `frame` are to be removed.
    """
    from pyspark.sql import functions as F

    old = present.select(*spec.key, *spec.compared, F.lit(True).alias("is_present")).alias("old")
    keys_agree = _all([F.col(f"new.{key}") == F.col(f"old.{key}") for key in spec.key])
    differs = ~_all([F.col(f"new.{name}").eqNullSafe(F.col(f"old.{name}")) for name in spec.compared])
    is_new = F.col("old.is_present").isNull()
    changed = frame.alias("new").join(old, keys_agree, how="left").where(is_new | differs).select("new.*")
    kept = stamped(changed, spec).withColumn("is_removed", F.lit(False))
    if replaces is None:
        return kept
    gone = present.where(replaces).join(frame.select(*spec.key), on=list(spec.key), how="left_anti")
    return kept.unionByName(gone.select(*spec.column_names, F.lit(True).alias("is_removed")))


def stamped(frame: DataFrame, spec: TableSpec) -> DataFrame:
    """The table's columns, its time stamps set to now where `frame` has none."""
    from pyspark.sql import functions as F

    stamps = {name: F.current_timestamp() for name in spec.stamps if name not in frame.columns}
    return frame.withColumns(stamps).select(*spec.column_names)


def _all(conditions: Sequence[Column]) -> Column:
    from pyspark.sql import functions as F

    return reduce(lambda left, right: left & right, conditions, F.lit(True))

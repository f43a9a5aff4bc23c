"""Customers as a matrix on the driver, for what looks at all features at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F

from invoicelake.errors import JobError

# 50,000 customers of 10 features take 4 MB; of more, as many are taken by the hash of their key.
MAX_ROWS = 50_000
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Matrix:
    """Features of customers, a null replaced by the column's mean.

    Args:
        keys: source and customer_id of each row.
        values: float64 `(R, F)`.
        rest: the other columns asked for, by name.
    """

    keys: list[tuple[str, str]]
    values: Floats
    rest: dict[str, list[object]]

    @property
    def means(self) -> Floats:
        """float64 `(F,)`."""
        found: Floats = self.values.mean(axis=0)
        return found

    @property
    def deviations(self) -> Floats:
        """float64 `(F,)`, in the population; 1 for a constant column, which leaves it at 0 when scaled."""
        found = self.values.std(axis=0)
        return np.where(found > 0, found, 1.0)

    @property
    def scaled(self) -> Floats:
        """float64 `(R, F)`: z-scores."""
        found: Floats = (self.values - self.means) / self.deviations
        return found


def matrix(customers: DataFrame, columns: Sequence[str], rest: Sequence[str] = ()) -> Matrix:
    """Collect at most `MAX_ROWS` customers, the same ones for the same customers.

    Raises:
        JobError: there are fewer than two.
    """
    numbers = [F.col(name).cast("double").alias(name) for name in columns]
    others = [name for name in rest if name not in columns]
    chosen = customers.select("source", "customer_id", *numbers, *others)
    by_hash = F.xxhash64("source", "customer_id"), F.col("source"), F.col("customer_id")
    # pyspark's own type of what toPandas gives has none of pandas' methods.
    taken: Any = chosen.orderBy(*by_hash).limit(MAX_ROWS).toPandas()
    found = taken.sort_values(["source", "customer_id"])
    if len(found) < 2:
        raise JobError(
            f"too few customers to compare their features: {len(found)}, at least 2 are needed; "
            "bring in more days, or set analytics.target_days lower or analytics.as_of later"
        )
    values = found[list(columns)].to_numpy(dtype=np.float64)
    present = ~np.isnan(values)
    means = np.where(present, values, 0.0).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    return Matrix(
        keys=list(zip(found["source"], found["customer_id"], strict=True)),
        values=np.where(present, values, means),
        rest={name: found[name].tolist() for name in rest},
    )

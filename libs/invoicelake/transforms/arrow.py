"""Python functions over rows, run by Spark through Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
_ROWS_AT_A_TIME = 500


def map_rows(frame: DataFrame, function: Callable[[Iterator[Row]], Iterable[Row]], ddl: str) -> DataFrame:
    """Apply `function` to the rows of each partition.

    Args:
        frame: rows come as dictionaries, nested values as dictionaries and lists.
        function: called once a partition, so that what is slow to set up is set up once.
        ddl: columns of the rows that it yields.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    schema = to_arrow_schema(frame.sparkSession.createDataFrame([], ddl).schema)

    def apply(batches: Iterable[pa.RecordBatch]) -> Iterable[pa.RecordBatch]:
        import pyarrow as pa

        rows = (row for batch in batches for row in batch.to_pylist())
        made: list[Row] = []
        for row in function(rows):
            made.append(row)
            if len(made) == _ROWS_AT_A_TIME:
                yield pa.RecordBatch.from_pylist(made, schema=schema)
                made = []
        yield pa.RecordBatch.from_pylist(made, schema=schema)

    return frame.mapInArrow(apply, ddl)

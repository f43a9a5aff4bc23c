"""The row groups of a table version, as the footers of its files tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from invoicelake.errors import JobError
from invoicelake.tables import files_gone

if TYPE_CHECKING:
    from invoicelake.tables import PinnedTable


class RowGroup(NamedTuple):
    """A row group of a file: the file's path or URL, the group's number in it, and its rows."""

    file: str
    number: int
    rows: int


def row_groups(table: PinnedTable, key: str) -> list[RowGroup]:
    """The row groups of a table version, in the order of their first keys; from the files' footers.

    Raises:
        JobError: a file is gone, or files hold another number of rows than the table.
    """
    if not table.files:
        return []
    import pyarrow as pa
    import pyarrow.parquet as pq

    from invoicelake.training.petastorm_reader import opened

    found: list[tuple[str, RowGroup]] = []
    filesystem, paths = opened(table.files)
    for file, path in paths.items():
        try:
            with filesystem.open(path, "rb") as stream:
                footer = pq.ParquetFile(stream).metadata
        except FileNotFoundError as error:
            raise files_gone(table.name, table.version, file) from error
        except pa.ArrowException as error:
            raise JobError(
                f"{file} cannot be read as Parquet ({error}): it is damaged, or a writer other than Spark "
                f"used types that pyarrow {pa.__version__} does not know; have Spark write the table anew"
            ) from error
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            # Petastorm gives nothing for a row group that has no rows.
            if group.num_rows:
                found.append((_first_key(group, key), RowGroup(file, number, group.num_rows)))
    rows = sum(group.rows for _, group in found)
    if rows != sum(table.rows):
        raise JobError(
            f"{table.name} version {table.version} has {sum(table.rows)} rows, its files hold {rows}"
        )
    return [group for _, group in sorted(found)]


def _first_key(group: Any, key: str) -> str:
    """The smallest key as the footer tells; nothing where it does not."""
    columns = [group.column(number) for number in range(group.num_columns)]
    statistics = next((column.statistics for column in columns if column.path_in_schema == key), None)
    return str(statistics.min) if statistics is not None and statistics.has_min_max else ""

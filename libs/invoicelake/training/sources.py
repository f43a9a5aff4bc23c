"""The rows of one table version: held in memory, or read through Petastorm as they are asked for.

A row is named by its place: in the order of the key where rows are held; by row groups, those in the order of
their first key, where they are streamed. Neither hangs on the names of files.
"""

from __future__ import annotations

import ctypes
import itertools
import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from invoicelake.errors import JobError
from invoicelake.tables import files_gone
from invoicelake.training.footers import RowGroup, row_groups
from invoicelake.training.layout import Layout, Tensors, unpacked

if TYPE_CHECKING:
    from invoicelake.tables import PinnedTable
    from invoicelake.training.epoch_plan import Rows

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where rows come from.

    Attributes:
        sizes: rows of each row group, int64.
    """

    sizes: NDArray[np.int64]

    def blocks(self, wanted: Sequence[Rows]) -> Generator[Tensors, None, None]:
        """Yield the tensors of each list of rows, which name the rows of a row group next to each other."""
        ...

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """Tokens of each of the rows; 1 where rows have no tokens."""
        ...


class HeldRows:
    """Rows in memory: each is a row group of its own, so any order costs the same.

    Args:
        tensors: each `(rows, ...)`.
        layout: what they are.
    """

    def __init__(self, tensors: Tensors, layout: Layout) -> None:
        self._tensors = tensors
        self._lengths = layout.lengths(tensors)
        self.sizes = np.ones(len(self._lengths), dtype=np.int64)

    def blocks(self, wanted: Sequence[Rows]) -> Generator[Tensors, None, None]:
        """Yield the tensors of each list of rows."""
        for rows in wanted:
            yield {name: values[rows] for name, values in self._tensors.items()}

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """Tokens of each of the rows."""
        return self._lengths[rows]


class StreamedRows:
    """Rows that stay in their files; a row group is read when its first row is asked for.

    Args:
        table: whose rows they are.
        layout: what its columns are.
    """

    def __init__(self, table: PinnedTable, layout: Layout) -> None:
        self._table, self._layout = table, layout
        self._groups = row_groups(table, layout.key)
        self.sizes = np.array([group.rows for group in self._groups], dtype=np.int64)
        self._ends = np.cumsum(self.sizes)

    def blocks(self, wanted: Sequence[Rows]) -> Generator[Tensors, None, None]:
        """Yield the tensors of each list of rows; a row group that two neighbours share is read once."""
        try:
            yield from self._read(wanted, self._layout.columns[1:])
        finally:
            _give_back_memory()

    def lengths(self, rows: Rows) -> NDArray[np.int64]:
        """Tokens of each of the rows; reads but the column that tells."""
        if self._layout.length is None:
            return np.ones(len(rows), dtype=np.int64)
        with closing(self._read([rows], [self._layout.length])) as read:
            return self._layout.lengths(next(read))

    def held(self) -> HeldRows:
        """All rows, in memory and in the order of their keys."""
        with closing(self._read([np.arange(self.sizes.sum())], self._layout.columns[1:])) as read:
            tensors = next(read)
        keys: list[str] = []
        with closing(self._tables(self._groups, [self._layout.key])) as tables:
            for table in tables:
                keys.extend(map(str, table[self._layout.key].to_pylist()))
        order = np.argsort(np.array(keys, dtype=np.str_), kind="stable")
        return HeldRows({name: values[order] for name, values in tensors.items()}, self._layout)

    def _read(
        self, wanted: Sequence[Rows], columns: Sequence[str]
    ) -> Generator[dict[str, NDArray[Any]], None, None]:
        groups = [number for rows in wanted for number, _ in self._parts(rows)]
        ordered = [self._groups[number] for number, _ in itertools.groupby(groups)]
        specs = [self._layout.spec(name) for name in columns]
        with closing(self._tables(ordered, columns)) as tables:
            loaded, tensors = -1, {}
            for rows in wanted:
                block = {spec.name: np.empty((len(rows), *spec.shape), dtype=spec.dtype) for spec in specs}
                first = 0
                for number, places in self._parts(rows):
                    if number != loaded:
                        table, loaded = next(tables), number
                        tensors = {spec.name: unpacked(table[spec.name], spec, self._name) for spec in specs}
                    last = first + len(places)
                    for name, values in block.items():
                        values[first:last] = tensors[name][_as_slice(places)]
                    first = last
                yield block

    def _parts(self, rows: Rows) -> Iterator[tuple[int, Rows]]:
        """Number of each row group, and the places in it of those of the rows that it holds."""
        of_group = np.searchsorted(self._ends, rows, side="right")
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(of_group)) + 1):
            if len(part):
                number = int(of_group[part[0]])
                yield number, rows[part] - (self._ends[number] - self.sizes[number])

    def _tables(self, groups: Sequence[RowGroup], columns: Sequence[str]) -> Generator[Any, None, None]:
        """Arrow tables of the row groups, all columns and rows in them."""
        from invoicelake.training.petastorm_reader import read_row_groups

        with closing(_told(self._table, read_row_groups(groups, columns))) as tables:
            for group, table in zip(groups, tables, strict=True):
                missing = sorted(set(columns) - set(table.column_names))
                if missing:
                    raise JobError(
                        f"files of {self._name} have no column {', '.join(missing)}: written before it was "
                        "added? Build the table anew, or train on a version or partition without them"
                    )
                if table.num_rows != group.rows:
                    raise JobError(f"{group.file} was changed while it was read; files of a table never are")
                yield table

    @property
    def _name(self) -> str:
        return f"{self._table.name} version {self._table.version}"


def open_rows(table: PinnedTable, layout: Layout, memory_mb: int) -> Source:
    """The rows of a table version: held if all of them take no more memory than that, else streamed.

    Raises:
        JobError: the files hold other rows or tensors than was declared, or are no longer there.
    """
    source = StreamedRows(table, layout)
    rows, size_mb = int(source.sizes.sum()), source.sizes.sum() * layout.row_bytes() / 2**20
    is_held = size_mb <= memory_mb
    log.info(
        "%s version %d: %d rows in %d row groups, %.1f MiB, %s",
        *(table.name, table.version, rows, len(source.sizes), size_mb),
        "held in memory" if is_held else "streamed",
    )
    return source.held() if is_held else source


def _told(table: PinnedTable, items: Generator[Any, None, None]) -> Generator[Any, None, None]:
    """The items; a file that is gone is told by what it belongs to."""
    try:
        with closing(items):
            yield from items
    except OSError as error:
        # Petastorm's dataset says in its own words that there is no such file.
        if isinstance(error, FileNotFoundError) or "non-file path" in str(error):
            raise files_gone(table.name, table.version, str(error)) from error
        raise


def _give_back_memory() -> None:
    """Give memory that was freed back to the system, where the C library is GNU's.

    It keeps what a thread has freed for threads to come, in up to eight places for each processor; each epoch
    has threads of its own, so that memory would grow until all of these places hold as much.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _as_slice(places: Rows) -> slice | Rows:
    """The places as a slice where they are neighbours, which is not copied."""
    is_whole = places[-1] - places[0] + 1 == len(places)
    return slice(int(places[0]), int(places[-1]) + 1) if is_whole else places

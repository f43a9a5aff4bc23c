"""Row groups through Petastorm: the ones that are asked for, in that order, as Arrow tables.

`make_batch_reader` reads all row groups of its files, in their order or a random one, and copies each twice.
So its reader and worker are used here with two steps of theirs replaced.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Sequence
from typing import Any

import pyarrow as pa
from petastorm.arrow_reader_worker import ArrowReaderWorker
from petastorm.fs_utils import get_filesystem_and_path_or_paths
from petastorm.reader import Reader
from petastorm.workers_pool import EmptyResultError
from petastorm.workers_pool.thread_pool import ThreadPool

from invoicelake.errors import JobError
from invoicelake.training.footers import RowGroup


def read_row_groups(groups: Sequence[RowGroup], columns: Sequence[str]) -> Generator[pa.Table, None, None]:
    """Yield the columns of each row group; the reader's threads end with the generator.

    Petastorm is up to three row groups ahead. A column that a file does not have is missing in its tables.

    Raises:
        FileNotFoundError: a file is not there.
    """
    if not groups:
        return
    filesystem, paths = opened({group.file: None for group in groups})
    reader = _OrderedReader([(paths[group.file], group.number) for group in groups], columns, filesystem)
    try:
        for _ in groups:
            yield next(reader)
    finally:
        reader.stop()
        reader.join()


def opened(files: Sequence[str] | dict[str, None]) -> tuple[Any, dict[str, str]]:
    """The filesystem that the files are on, and their paths there.

    Raises:
        JobError: Petastorm cannot open such a path.
    """
    _quiet_petastorm()
    filesystem, paths = get_filesystem_and_path_or_paths([_url(file) for file in files])
    return filesystem, dict(zip(files, paths, strict=True))


class _OrderedReader(Reader):
    """Reads given row groups in the given order; a row group may be asked for more than once.

    Args:
        wanted: path and number of each row group.
        columns: to be read, of the files that have them.
        filesystem: that the paths are of.
    """

    def __init__(self, wanted: Sequence[tuple[str, int]], columns: Sequence[str], filesystem: Any) -> None:
        self._wanted = wanted
        super().__init__(
            filesystem,
            list({path: None for path, _ in wanted}),
            schema_fields=None,
            # The columns go to the worker, for the first file, whose schema is taken for all, may lack some.
            worker_class=type("_Worker", (_ArrowWorker,), {"columns": frozenset(columns)}),
            # One thread: with more, row groups may come in another order. Arrow reads columns in parallel.
            reader_pool=ThreadPool(1, 1),
            shuffle_row_groups=False,
            num_epochs=1,
            is_batched_reader=True,
        )
        _wait_for_all(self._workers_pool)

    def _filter_row_groups(self, dataset: Any, row_groups: Any, *_: Any) -> tuple[list[int], None]:
        places = {(piece.path, piece.row_group): place for place, piece in enumerate(row_groups)}
        return [places[wanted] for wanted in self._wanted], None


class _ArrowWorker(ArrowReaderWorker):
    """Gives row groups as they were read; Petastorm's own copies them and makes objects of their cells."""

    columns: frozenset[str] = frozenset()

    @staticmethod
    def new_results_queue_reader() -> Any:
        return _TableReader()

    def _read_with_shuffle_row_drop(self, piece: Any, *_: Any) -> pa.Table:
        return piece.read(columns=list(self.columns))


class _TableReader:
    batched_output = True

    def read_next(self, workers_pool: Any, *_: Any) -> pa.Table:
        try:
            return workers_pool.get_results()
        except EmptyResultError:
            raise StopIteration from None


def _wait_for_all(pool: Any) -> None:
    """Have the reader end when all row groups were given.

    Petastorm 0.13.1 asks first whether all row groups handed out are done, and then whether all were handed
    out; when the last are handed out between these questions, it ends without them.
    """
    are_handed_out, are_done = pool._ventilator.completed, pool.all_workers_done
    pool.all_workers_done = lambda: are_handed_out() and are_done()


def _url(file: str) -> str:
    if "://" in file:
        return file
    if set(file) & set("#?"):
        raise JobError(f"Petastorm cannot open a path with '#' or '?': {file}; choose another lake.path")
    return f"file://{file}"


def _quiet_petastorm() -> None:
    """Petastorm 0.13 reads through an interface that pyarrow 14 warns of at every call."""
    # It also says at length that the files are plain Parquet, which is why it is used so.
    logging.getLogger("petastorm").setLevel(logging.ERROR)
    # For good: filters are of the process, and to restore them while another thread reads would mix them up.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"petastorm\..*")
    warnings.filterwarnings("ignore", category=ResourceWarning, module=r"petastorm\..*")

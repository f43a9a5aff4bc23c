"""The feed: every row once an epoch over all ranks, batches trimmed, wrong files told, nothing left open."""

import gc
import os
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feed_files import FIXED, LAYOUT, SPECS, T, first_words, packed, table, tensors
from invoicelake.errors import JobError
from invoicelake.models.encoding import TensorSpec
from invoicelake.tables import PinnedTable
from invoicelake.training import sources
from invoicelake.training.epoch_plan import Done, Draw
from invoicelake.training.feed import Feed, draw_of
from invoicelake.training.sources import HeldRows, StreamedRows, open_rows

NO_ROWS = PinnedTable("gold.extractor_example", "/lake", 0, (), ())


def feed(rows, batch=4, rank=0, size=1, seed=None, block=8, layout=LAYOUT):
    """Of rows in memory, or of a source."""
    source = HeldRows(tensors(rows, layout), layout) if isinstance(rows, int) else rows
    return Feed(source, layout, Draw(batch, block, seed), rank, size)


def every_row(source):
    return list(feed(source, batch=1).epoch().batches())


# why                               rows  batch  ranks  cuts          rows of a row group
SHARDS = [
    ("one rank", 20, 4, 1, (), 4),
    ("even", 16, 4, 2, (8,), 4),
    ("last step not full", 17, 4, 2, (4, 5), 4),
    ("a rank without rows in the last step", 9, 4, 2, (), 2),
    ("fewer rows than ranks", 3, 8, 8, (), 4),
    ("fewer row groups than ranks", 40, 8, 8, (30,), 40),
    ("uneven files, one empty", 61, 6, 3, (1, 1, 50, 58), 10),
    ("batch is no multiple of ranks", 20, 7, 3, (2,), 4),
    ("one row", 1, 16, 2, (), 4),
    ("no rows", 0, 4, 2, (), 4),
]


LAYOUTS = pytest.mark.parametrize("layout", [LAYOUT, FIXED], ids=["tokens", "fixed"])


@LAYOUTS
@pytest.mark.parametrize("is_held", [True, False], ids=["held", "streamed"])
@pytest.mark.parametrize(("why", "rows", "batch", "ranks", "cuts", "group"), SHARDS)
def test_every_row_once_an_epoch(tmp_path, why, rows, batch, ranks, cuts, group, is_held, layout):
    source = StreamedRows(table(tmp_path, rows, cuts, group, layout), layout)
    source = source.held() if is_held else source
    shares = [feed(source, batch, rank, ranks, seed=0, layout=layout).epoch(3) for rank in range(ranks)]
    by_rank = [list(share.batches()) for share in shares]
    assert sorted(row for batches in by_rank for row in first_words(batches)) == list(range(1, rows + 1))
    assert {len(batches) for batches in by_rank} == {shares[0].steps}
    assert [len(first_words(batches)) for batches in by_rank] == [share.own_rows for share in shares]


@LAYOUTS
@pytest.mark.parametrize("is_held", [True, False], ids=["held", "streamed"])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_broken_off_epoch_goes_on_at_another_number_of_ranks(tmp_path, ranks, is_held, layout):
    source = StreamedRows(table(tmp_path, 50, (7, 30), layout=layout), layout)
    source = source.held() if is_held else source
    seen = []
    for rank in range(2):
        batches = feed(source, 6, rank, 2, seed=0, layout=layout).epoch(1).batches()
        seen += first_words(next(batches) for _ in range(5))
        batches.close()
    for rank in range(ranks):
        share = feed(source, 6, rank, ranks, seed=0, layout=layout).epoch(1, [Done(2, 5)])
        seen += first_words(share.batches())
    assert sorted(seen) == list(range(1, 51))


def test_batch_is_trimmed_to_its_longest_row():
    first, second, _ = feed(6, batch=2).epoch().batches()
    assert first.inputs["words"].tolist() == [[1, 0], [2, 2]]
    assert second.inputs["words"].shape == (2, 4)
    assert first.inputs["boxes"].shape == (2, 2, 2)
    assert first.targets.tolist() == [[1, 255], [2, 2]]


def test_rows_without_tokens_come_whole():
    share = feed(5, batch=2, layout=FIXED).epoch()
    first, _, last = share.batches()
    assert first.inputs["words"].tolist() == [[1, 1, 1], [2, 2, 2]]
    assert first.targets.tolist() == [[0.5, 0.5], [1, 1]]
    assert last.weights.tolist() == [1, 0]
    # There is no target for what does not count, so some row's is kept.
    assert last.targets.tolist() == [[2.5, 2.5], [0.5, 0.5]]
    assert share.padding_share == pytest.approx(1 / 6)


def test_rows_that_fill_up_do_not_count():
    *_, last = feed(5).epoch().batches()
    assert last.weights.tolist() == [1, 0, 0, 0]
    assert (last.targets[1:] == 255).all()
    assert (last.inputs["words"][1:, 0] > 0).all()


def test_rank_without_rows_gives_batches_that_do_not_count():
    (only,) = feed(1, rank=0, size=2).epoch().batches()
    assert only.weights.tolist() == [0, 0]
    assert (only.targets == 255).all()
    assert (only.inputs["words"][:, 0] == 1).all()


@pytest.mark.parametrize(("seed", "limit"), [(0, 0.1), (None, 0.6)])
def test_padding_is_counted(seed, limit):
    share = feed(4096, batch=16, seed=seed, block=4096).epoch()
    batches = list(share.batches())
    room = sum(each.targets.size for each in batches)
    assert share.padding_share == pytest.approx(
        1 - sum((each.inputs["words"] > 0).sum() for each in batches) / room
    )
    assert 0 < share.padding_share < limit


@pytest.mark.parametrize("cuts", [(), (4, 5, 17)])
@pytest.mark.parametrize("memory_mb", [0, 1])
def test_tensors_come_as_they_were_packed(tmp_path, cuts, memory_mb):
    folder = tmp_path / "a lake" / "source=generated" / "split=train"
    folder.mkdir(parents=True)
    source = open_rows(table(folder, 30, cuts), LAYOUT, memory_mb)
    assert isinstance(source, StreamedRows if memory_mb == 0 else HeldRows)
    found = next(source.blocks([np.arange(30)]))
    order = np.argsort(found["words"][:, 0])
    if memory_mb:
        assert order.tolist() == list(range(30))
    for name, expected in tensors(30).items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name][order], expected)


def test_order_does_not_hang_on_names_of_files(tmp_path):
    pinned = table(tmp_path, 30, (4, 5, 17))
    renamed = []
    for number, file in enumerate(reversed(pinned.files)):
        renamed.append(str(Path(file).rename(tmp_path / f"{number}.parquet")))
    first = first_words(every_row(StreamedRows(replace(pinned, files=tuple(renamed)), LAYOUT)))
    for number, (file, before) in enumerate(zip(renamed, reversed(pinned.files), strict=True)):
        assert Path(file).rename(before), number
    assert first_words(every_row(StreamedRows(pinned, LAYOUT))) == first


def test_read_never_ends_early(tmp_path):
    """Petastorm 0.13.1 by itself loses row groups in a third of such reads."""
    source = StreamedRows(table(tmp_path, 30, (4, 5, 17)), LAYOUT)
    for _ in range(30):
        assert len(every_row(source)) == 30


def test_each_row_group_is_read_by_one_rank_or_two_neighbours(tmp_path, monkeypatch):
    from invoicelake.training import petastorm_reader

    source = StreamedRows(table(tmp_path, 60, (30,)), LAYOUT)
    read, reading = [], petastorm_reader.read_row_groups
    monkeypatch.setattr(
        petastorm_reader,
        "read_row_groups",
        lambda groups, columns: read.extend(groups) or reading(groups, columns),
    )
    for rank in range(3):
        list(feed(source, rank=rank, size=3, seed=0).epoch().batches())
    assert len(set(read)) == len(source.sizes)
    assert len(read) <= len(source.sizes) + 2


def abandoned(source):
    batches = feed(source, batch=2).epoch().batches()
    next(batches)
    batches.close()


def raising(source):
    def step(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(map(step, feed(source, batch=2).epoch().batches()))


def never_begun(source):
    feed(source).epoch().batches()


@pytest.mark.parametrize("use", [every_row, abandoned, raising, never_begun])
@pytest.mark.parametrize("is_held", [True, False], ids=["held", "streamed"])
def test_threads_and_files_are_closed(tmp_path, use, is_held):
    source = StreamedRows(table(tmp_path, 200, (10, 100)), LAYOUT)
    source = source.held() if is_held else source
    use(source)
    gc.collect()
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    use(source)
    assert threading.active_count() == before[0]
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before[1]


def test_streaming_holds_a_part_of_the_table(tmp_path):
    """4 MiB of rows through a buffer of a sixteenth of them, in row groups of as many."""
    wide = replace(LAYOUT, tensors=(TensorSpec("words", "<u2", (4096,)), TensorSpec("labels", "|u1", (4,))))
    rows = np.random.default_rng(0).integers(1, 60_000, (512, 4096)).astype("<u2")
    columns = {"words": [row.tobytes() for row in rows], "labels": [b"abcd"] * 512}
    file = str(tmp_path / "wide.parquet")
    pq.write_table(
        pa.table({"example_id": [f"{row:04d}" for row in range(512)], **columns}), file, row_group_size=32
    )
    source = StreamedRows(PinnedTable("gold.extractor_example", str(tmp_path), 0, (file,), (512,)), wide)
    tracemalloc.start()
    arrow_before = pa.total_allocated_bytes()
    arrow_most = 0
    for _ in Feed(source, wide, Draw(1, 32, seed=0)).epoch().batches():
        arrow_most = max(arrow_most, pa.total_allocated_bytes() - arrow_before)
    _, python_most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert arrow_most < 2 * 2**20
    assert python_most < 2 * 2**20


@pytest.mark.parametrize("use", [every_row, abandoned, raising])
def test_memory_is_given_back_once_an_epoch_is_over(tmp_path, monkeypatch, use):
    given = []
    monkeypatch.setattr(sources, "_give_back_memory", lambda: given.append(True))
    use(StreamedRows(table(tmp_path, 200, (10, 100)), LAYOUT))
    assert given == [True]


def test_buffer_is_a_part_of_the_memory_and_no_less_than_a_batch():
    assert draw_of(LAYOUT, 16, 1, seed=7) == Draw(16, 2**20 // 4 // LAYOUT.row_bytes(), 7)
    assert (
        draw_of(replace(LAYOUT, tensors=(TensorSpec("words", "<u2", (2**20,)),)), 16, 1, 0).block_rows == 16
    )


def test_no_files():
    source = open_rows(NO_ROWS, LAYOUT, 1)
    assert next(source.blocks([np.arange(0)]))["boxes"].shape == (0, T, 2)
    assert every_row(source) == []


def rewritten(pinned, change):
    """The first of the table's files, changed."""
    pq.write_table(change(pq.ParquetFile(pinned.files[0]).read()), pinned.files[0])


def without_boxes(rows):
    return rows.drop_columns(["boxes"])


def with_a_null(rows):
    boxes = rows["boxes"].to_pylist()
    return rows.set_column(2, "boxes", pa.array([None, *boxes[1:]], pa.binary()))


def cut_short(rows):
    boxes = rows["boxes"].to_pylist()
    return rows.set_column(2, "boxes", pa.array([boxes[0][:-1], *boxes[1:]], pa.binary()))


# what is wrong                                        what is told
WRONG = [
    (without_boxes, r"files of gold.extractor_example version 3 have no column boxes"),
    (with_a_null, r"column boxes of gold.extractor_example version 3 is null in 1 of 5 rows"),
    (cut_short, r"column boxes of .* should hold 24 bytes a row"),
    (lambda rows: rows.slice(1), r"has 9 rows, its files hold 8"),
    (lambda rows: pa.concat_tables([rows, rows]), r"has 9 rows, its files hold 14"),
]


@pytest.mark.parametrize(("change", "told"), WRONG)
@pytest.mark.parametrize("memory_mb", [0, 1])
def test_wrong_files_are_told(tmp_path, change, told, memory_mb):
    pinned = table(tmp_path, 9, (5,))
    rewritten(pinned, change)
    with pytest.raises(JobError, match=told):
        every_row(open_rows(pinned, LAYOUT, memory_mb))


def test_tensors_of_another_size_are_told(tmp_path):
    wider = replace(LAYOUT, tensors=(TensorSpec("words", "<u2", (T + 1,)), *SPECS[1:]))
    with pytest.raises(JobError, match=r"column words .* should hold 14 bytes"):
        open_rows(table(tmp_path, 9), wider, 1)


@pytest.mark.parametrize("after", ["opening", "pinning"])
def test_file_that_is_gone_is_told(tmp_path, after):
    pinned = table(tmp_path, 9, (5,))
    source = StreamedRows(pinned, LAYOUT)
    Path(pinned.files[1]).unlink()
    with pytest.raises(JobError, match=r"files of gold.extractor_example version 3 are gone"):
        every_row(source if after == "opening" else StreamedRows(pinned, LAYOUT))


def test_path_that_petastorm_cannot_open_is_told():
    pinned = PinnedTable("gold.extractor_example", "/lake", 0, ("/home/c#/part.parquet",), (1,))
    with pytest.raises(JobError, match=r"choose another lake\.path"):
        open_rows(pinned, LAYOUT, 1)


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_binary_columns_of_any_kind_are_read(tmp_path, kind):
    pinned = table(tmp_path, 9)
    rewritten(pinned, lambda rows: rows.set_column(1, "words", rows["words"].cast(kind)))
    assert sorted(first_words(every_row(StreamedRows(pinned, LAYOUT)))) == list(range(1, 10))


def test_packed_rows_are_those_that_tests_expect():
    assert packed(3)["words"].to_pylist()[2] == tensors(3)["words"][2].tobytes()


@pytest.mark.parametrize(
    ("longest", "step", "length"), [(0, 1, 1), (5, 1, 5), (2, 3, 3), (3, 3, 3), (4, 3, 6), (5, 4, T)]
)
def test_lengths_of_batches_are_multiples_as_far_as_there_is_room(longest, step, length):
    assert replace(LAYOUT, length_step=step).batch_length(longest) == length

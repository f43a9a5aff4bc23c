"""The feed: every row once an epoch over all ranks, batches trimmed, wrong files told."""

import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from invoicelake.errors import JobError
from invoicelake.models.encoding import TensorSpec
from invoicelake.tables import PinnedTable
from invoicelake.training.feed import Feed, Layout, read, shuffled

T = 6
SPECS = (
    TensorSpec("words", "<u2", (T,)),
    TensorSpec("boxes", "<f2", (T, 2)),
    TensorSpec("labels", "|u1", (T,)),
)
LAYOUT = Layout(SPECS, target="labels", length="words", key="example_id", ignored=255)


def tensors(rows):
    """Row `i` has `i % T + 1` tokens, all of them the word `i + 1`."""
    used = np.arange(T) <= (np.arange(rows) % T)[:, None]
    words = (used * (np.arange(rows) + 1)[:, None]).astype("<u2")
    boxes = np.repeat(words[..., None], 2, axis=2).astype("<f2")
    return {"words": words, "boxes": boxes, "labels": np.where(used, words % 7, 255).astype("|u1")}


def table(folder, rows, cuts=(), group=4):
    """Rows in several files, in an order that is not that of their keys."""
    packed = {name: [row.tobytes() for row in values] for name, values in tensors(rows).items()}
    whole = pa.table({"example_id": [f"{row:04d}" for row in range(rows)], **packed}).take(
        np.random.default_rng(1).permutation(rows)
    )
    files, counts = [], []
    for number, part in enumerate(np.split(np.arange(rows), cuts)):
        files.append(str(folder / f"part {number}%20.parquet"))
        counts.append(len(part))
        pq.write_table(whole.take(part), files[-1], row_group_size=group)
    return PinnedTable("gold.extractor_example", str(folder), 3, tuple(files), tuple(counts))


# why                     rows  batch  ranks
SHARDS = [
    ("one rank", 20, 4, 1),
    ("even", 16, 4, 2),
    ("last step not full", 17, 4, 2),
    ("a rank without rows in the last step", 9, 4, 2),
    ("fewer rows than ranks", 3, 8, 8),
    ("batch is no multiple of ranks", 20, 7, 3),
    ("one row", 1, 16, 2),
    ("no rows", 0, 4, 2),
]


@pytest.mark.parametrize(("why", "rows", "batch", "ranks"), SHARDS)
def test_every_row_once_an_epoch(why, rows, batch, ranks):
    feeds = [Feed(tensors(rows), LAYOUT, batch, rank, ranks) for rank in range(ranks)]
    order = shuffled(rows, seed=0, epoch=3)
    seen = [
        row
        for feed in feeds
        for each in feed.epoch(order)
        for row in each.inputs["words"][each.weights > 0, 0]
    ]
    assert sorted(seen) == list(range(1, rows + 1))
    assert len({feed.steps for feed in feeds}) == 1
    assert [len(list(feed.epoch())) for feed in feeds] == [feeds[0].steps] * ranks
    assert sum(feed.own_rows for feed in feeds) == rows


def test_one_step_holds_the_same_rows_on_any_number_of_ranks():
    order = shuffled(32, seed=0, epoch=0)

    def first_step(ranks):
        batches = [next(Feed(tensors(32), LAYOUT, 8, rank, ranks).epoch(order)) for rank in range(ranks)]
        return sorted(row for each in batches for row in each.inputs["words"][:, 0])

    assert first_step(1) == first_step(2) == first_step(4)


def test_batch_is_trimmed_to_its_longest_row():
    batch = next(Feed(tensors(6), LAYOUT, 2).epoch(np.array([1, 2, 0, 3, 4, 5])))
    assert batch.inputs["words"].tolist() == [[2, 2, 0], [3, 3, 3]]
    assert batch.inputs["boxes"].shape == (2, 3, 2)
    assert batch.targets.tolist() == [[2, 2, 255], [3, 3, 3]]


def test_rows_that_fill_up_do_not_count():
    *_, last = Feed(tensors(5), LAYOUT, 4).epoch()
    assert last.weights.tolist() == [1, 0, 0, 0]
    assert (last.targets[1:] == 255).all()
    assert (last.inputs["words"][1:, 0] > 0).all()


def test_order_changes_with_epoch_and_seed_and_nothing_else():
    orders = [shuffled(50, seed, epoch).tolist() for seed, epoch in [(0, 0), (0, 0), (0, 1), (1, 0)]]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != orders[3]


@pytest.mark.parametrize("cuts", [(), (4, 5, 17)])
def test_read_gives_rows_in_the_order_of_their_keys(tmp_path, cuts):
    folder = tmp_path / "a lake" / "source=generated" / "split=train"
    folder.mkdir(parents=True)
    found = read(table(folder, 30, cuts), LAYOUT)
    for name, expected in tensors(30).items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)


def test_read_never_ends_early(tmp_path):
    """Petastorm 0.13.1 by itself loses row groups in a third of such reads."""
    pinned = table(tmp_path, 30, (4, 5, 17))
    for _ in range(30):
        assert len(read(pinned, LAYOUT)["words"]) == 30


def test_read_ends_its_threads(tmp_path):
    before = threading.active_count()
    read(table(tmp_path, 30, (10,)), LAYOUT)
    assert threading.active_count() == before


def test_read_of_no_files():
    found = read(PinnedTable("gold.extractor_example", "/lake", 0, (), ()), LAYOUT)
    assert found["boxes"].shape == (0, T, 2)


@pytest.mark.parametrize(
    ("rows", "told"), [((8,), "8 rows, its files hold 9"), ((10,), "10 rows, its files hold 9")]
)
def test_other_number_of_rows_is_told(tmp_path, rows, told):
    with pytest.raises(JobError, match=told):
        read(replace(table(tmp_path, 9), rows=rows), LAYOUT)


def test_tensors_of_another_size_are_told(tmp_path):
    wider = replace(LAYOUT, tensors=(TensorSpec("words", "<u2", (T + 1,)), *SPECS[1:]))
    with pytest.raises(JobError, match=r"column words .* should hold 14 bytes"):
        read(table(tmp_path, 9), wider)


def test_path_that_petastorm_cannot_open_is_told(tmp_path):
    pinned = PinnedTable("gold.extractor_example", "/lake", 0, ("/home/c#/part.parquet",), (1,))
    with pytest.raises(JobError, match=r"choose another lake\.path"):
        read(pinned, LAYOUT)

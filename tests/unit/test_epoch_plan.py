"""The plan of an epoch: every row once at any number of ranks, broken off or not, and well mixed."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from invoicelake.training.epoch_plan import Done, Draw, EpochPlan

LENGTHS = np.random.default_rng(0).integers(1, 61, 10_000)


def lengths_of(rows):
    return LENGTHS[rows]


def drawn(plan, rank, steps=None, lengths_of=lengths_of):
    """The rows of each batch of a rank, of so many steps if given."""
    found = [
        block[batch]
        for number, block in enumerate(plan.blocks(rank))
        for batch in plan.batches(rank, number, lengths_of(block))
    ]
    return found[:steps]


def rows_of(batches):
    return np.concatenate([np.zeros(0, np.int64), *batches]).tolist()


SIZES = st.lists(st.integers(0, 40), max_size=12)
DRAWS = st.builds(
    Draw, batch_size=st.integers(1, 20), block_rows=st.integers(1, 100), seed=st.none() | st.integers(0, 3)
)
RANKS = st.integers(1, 8)


@settings(max_examples=300, deadline=None)
@given(SIZES, DRAWS, RANKS, st.integers(0, 5))
def test_every_row_once_and_as_many_steps_on_each_rank(sizes, draw, ranks, epoch):
    plan = EpochPlan(sizes, draw, epoch, ranks)
    by_rank = [drawn(plan, rank) for rank in range(ranks)]
    assert sorted(row for batches in by_rank for row in rows_of(batches)) == list(range(sum(sizes)))
    assert {len(batches) for batches in by_rank} == {plan.steps}
    assert all(len(batch) == plan.share for batches in by_rank for batch in batches[:-1])
    assert all(len(batches[-1]) <= plan.share for batches in by_rank if batches)
    counts = [len(rows_of(batches)) for batches in by_rank]
    assert counts == [plan.own_rows(rank) for rank in range(ranks)]
    assert max(counts) - min(counts) <= 1


@settings(max_examples=300, deadline=None)
@given(SIZES, DRAWS, st.lists(st.tuples(RANKS, st.integers(0, 12)), max_size=4), RANKS)
def test_broken_off_epoch_goes_on_with_the_rows_not_yet_seen(sizes, draw, stretches, last):
    """Each stretch begins where the ones before ended, at its own number of ranks."""
    done, seen = [], []
    for ranks, steps in stretches:
        plan = EpochPlan(sizes, draw, 1, ranks, done, lengths_of)
        possible = min(steps, plan.steps - plan.first_step)
        seen += [row for rank in range(ranks) for row in rows_of(drawn(plan, rank, possible))]
        done.append(Done(ranks, possible))
    plan = EpochPlan(sizes, draw, 1, last, done, lengths_of)
    assert plan.first_step == sum(steps for _, steps in done)
    rest = [row for rank in range(last) for row in rows_of(drawn(plan, rank))]
    assert sorted(seen + rest) == list(range(sum(sizes)))
    assert len(rest) == sum(plan.own_rows(rank) for rank in range(last))
    assert {len(drawn(plan, rank)) for rank in range(last)} == {plan.steps - plan.first_step}


@pytest.mark.parametrize("steps", [0, 1, 7, 11, 23])
def test_as_many_ranks_go_on_as_if_nothing_had_happened(steps):
    sizes, draw = [30, 1, 70, 41], Draw(6, 33, seed=0)
    for rank in range(2):
        whole = drawn(EpochPlan(sizes, draw, 0, 2), rank)
        rest = drawn(EpochPlan(sizes, draw, 0, 2, [Done(2, steps)]), rank)
        assert rows_of(whole[steps:]) == rows_of(rest)


# what changes                                             another order
ORDERS = [
    ({}, False),
    ({"epoch": 1}, True),
    ({"draw": Draw(8, 100, seed=1)}, True),
    ({"ranks": 2}, True),
]


@pytest.mark.parametrize(("changes", "differs"), ORDERS)
def test_order_hangs_on_seed_epoch_and_ranks_and_nothing_else(changes, differs):
    given = {"sizes": [50] * 6, "draw": Draw(8, 100, seed=0), "epoch": 0, "ranks": 1}
    orders = []
    for each in (given, given | changes):
        plan = EpochPlan(**each)
        orders.append([row for rank in range(each["ranks"]) for row in rows_of(drawn(plan, rank))])
    assert (orders[0] != orders[1]) is differs


def test_without_seed_rows_come_in_the_order_of_the_table():
    plan = EpochPlan([5, 0, 9], Draw(4, 8), 3, 2)
    assert [rows_of(drawn(plan, rank)) for rank in range(2)] == [list(range(7)), list(range(7, 14))]


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_a_rank_reads_its_own_row_groups_and_two_of_its_neighbours_at_most(ranks):
    sizes = [17] * 40
    plan = EpochPlan(sizes, Draw(16, 64, seed=0), 0, ranks)
    read = [len({row // 17 for row in rows_of(plan.blocks(rank))}) for rank in range(ranks)]
    assert max(read) <= 40 / ranks + 2
    assert sum(read) <= 40 + ranks - 1


# why                               row groups  rows of each  block rows  rank correlation  neighbours
QUALITY = [
    ("buffer of eight row groups", 64, 100, 800, 0.25, 0.02),
    ("buffer of one row group", 64, 100, 100, 0.25, 0.05),
    ("all in the buffer", 64, 100, 6400, 0.05, 0.005),
    ("many small row groups", 1000, 8, 400, 0.1, 0.05),
    ("each row for itself", 6400, 1, 400, 0.05, 0.005),
]


@pytest.mark.parametrize(("why", "groups", "rows", "buffer", "correlation", "neighbours"), QUALITY)
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_rows_are_mixed(why, groups, rows, buffer, correlation, neighbours, ranks):
    """Drawn and stored order agree little: their correlation, and the share of neighbours that stay so."""
    found = []
    for epoch in range(5):
        plan = EpochPlan([rows] * groups, Draw(16, buffer, seed=0), epoch, ranks)
        by_rank = [drawn(plan, rank) for rank in range(ranks)]
        order = np.concatenate([batch for step in zip(*by_rank, strict=True) for batch in step])
        kept = np.mean(np.abs(np.diff(order)) == 1)
        found.append((abs(np.corrcoef(order, np.arange(len(order)))[0, 1]), kept))
    assert np.mean([each[0] for each in found]) < correlation
    assert np.mean([each[1] for each in found]) < neighbours


def test_batches_differ_from_epoch_to_epoch():
    """Sorted by length throughout, rows would always have the same neighbours; here no two are as long."""
    together = []
    for epoch in range(2):
        plan = EpochPlan([1200], Draw(8, 1200, seed=0), epoch, 1)
        batches = drawn(plan, 0, lengths_of=lambda rows: rows)
        together.append({frozenset(pair) for batch in batches for pair in itertools.pairwise(batch)})
    assert len(together[0] & together[1]) < 0.25 * len(together[0])


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_rows_of_like_length_are_in_one_batch_on_all_ranks(ranks):
    plan = EpochPlan([200] * 10, Draw(16, 1000, seed=0), 0, ranks)
    by_rank = [[lengths_of(batch) for batch in drawn(plan, rank)] for rank in range(ranks)]
    tokens = sum(batch.sum() for batches in by_rank for batch in batches)
    padded = sum(len(batch) * batch.max() for batches in by_rank for batch in batches)
    assert 1 - tokens / padded < 0.1
    # A step takes as long as its slowest rank.
    slowest = sum(max(batch.max() for batch in step) for step in zip(*by_rank, strict=True))
    assert slowest < 1.15 * np.mean([sum(batch.max() for batch in batches) for batches in by_rank])

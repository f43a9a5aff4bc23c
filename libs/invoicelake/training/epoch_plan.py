"""Which rows each rank draws in an epoch, and in which order: arithmetic alone, the same wherever it is done.

Row groups come in a random order, and the sequence of their rows is cut into one span a rank, so a rank reads
its own row groups and at most two that it shares with a neighbour. A rank goes through its span in blocks, as
much as its shuffle buffer holds: the rows of a block are mixed, rows of like length are put into one batch,
and the batches are mixed again. A row is named by its place in the table, counted from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
LengthsOf = Callable[[Rows], NDArray[np.int64]]

_POOL_STEPS = 48
"""Batches among which rows are sorted by length: the more, the less padding and the less chance."""
_BLUR = 0.1
"""Share by which a length is taken as longer or shorter when rows are sorted. A table that is one pool would
otherwise have the same rows in a batch at every epoch; a tenth costs 6 points of padding."""


class Done(NamedTuple):
    """Steps of an epoch that so many ranks have done together."""

    ranks: int
    steps: int


@dataclass(frozen=True)
class Draw:
    """What settles the draws of all epochs; where training stands counts on its staying the same.

    Attributes:
        batch_size: rows of one step over all ranks; rounded up to a multiple of the number of ranks.
        block_rows: rows that a rank's shuffle buffer holds.
        seed: of the draws; None leaves rows in the order of the table.
    """

    batch_size: int
    block_rows: int
    seed: int | None = None


class EpochPlan:
    """An epoch, or what is left of one that was broken off.

    Args:
        sizes: rows of each row group, in the order of the table.
        draw: settles the order.
        epoch: from 0.
        ranks: that go through the epoch together.
        done: what was done of it before, in order; the same number of ranks goes on with the very batches
            that would have come, another number shares out the rows that were in none.
        lengths_of: the lengths of given rows; asked for only where another number of ranks goes on.

    Attributes:
        rows: of the table.
        share: rows of a batch of one rank.
        steps: of the epoch on each rank, those done before among them.
        first_step: the number of steps done before.
        whole_steps: what `steps` is when nothing was done before.
    """

    def __init__(
        self,
        sizes: Sequence[int] | NDArray[np.int64],
        draw: Draw,
        epoch: int,
        ranks: int,
        done: Sequence[Done] = (),
        lengths_of: LengthsOf | None = None,
    ) -> None:
        sizes = np.asarray(sizes, dtype=np.int64)
        before = _joined(done)
        self._skipped = before.pop().steps if before and before[-1].ranks == ranks else 0
        sequence = _sequence(sizes, draw.seed, epoch)
        for number, (others, steps) in enumerate(before):
            if lengths_of is None:
                raise ValueError("another number of ranks went before: lengths_of is needed")
            sequence = _Stretch(sequence, draw, (epoch, number), others).unseen(steps, lengths_of)
        self._stretch = _Stretch(sequence, draw, (epoch, len(before)), ranks)
        self._skipped = min(self._skipped, self._stretch.steps)
        done_before = sum(each.steps for each in before)
        self.rows, self.share = int(sizes.sum()), self._stretch.share
        self.first_step = done_before + self._skipped
        self.steps = done_before + self._stretch.steps
        self.whole_steps = math.ceil(self.rows / (self.share * ranks))

    def own_rows(self, rank: int) -> int:
        """How many rows the rank has yet to draw."""
        count = len(self._stretch.span(rank))
        return max(count - self._skipped * self.share, 0)

    def blocks(self, rank: int) -> list[Rows]:
        """The rows of the blocks that the rank has yet to finish, in the order in which to read them."""
        first = self._skipped // self._stretch.block_steps
        return [self._stretch.block(rank, number) for number in range(first, self._stretch.blocks)]

    def batches(self, rank: int, number: int, lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Batches of a block that the rank has yet to draw, as places in it; the last may have fewer rows.

        Args:
            rank: whose block it is.
            number: the block's place in `blocks`.
            lengths: of its rows.
        """
        first, offset = divmod(self._skipped, self._stretch.block_steps)
        yield from self._stretch.batches(rank, first + number, lengths)[0 if number else offset :]


class _Stretch:
    """What one number of ranks does of an epoch.

    Args:
        sequence: the rows that it goes through.
        draw: settles the order.
        name: epoch and number of the stretch, so that each is mixed in its own way.
        ranks: how many.
    """

    def __init__(self, sequence: Rows, draw: Draw, name: tuple[int, int], ranks: int) -> None:
        self._sequence, self._draw, self._name, self._ranks = sequence, draw, name, ranks
        self._bounds = [rank * len(sequence) // ranks for rank in range(ranks + 1)]
        self.share = math.ceil(draw.batch_size / ranks)
        self.steps = math.ceil(len(sequence) / (self.share * ranks))
        self.block_steps = max(draw.block_rows // self.share, 1)
        self.blocks = math.ceil(self.steps / self.block_steps)

    def span(self, rank: int) -> Rows:
        """The rows of a rank; numbers of rows differ by one at most."""
        return self._sequence[self._bounds[rank] : self._bounds[rank + 1]]

    def block(self, rank: int, number: int) -> Rows:
        rows = self.block_steps * self.share
        return self.span(rank)[number * rows : (number + 1) * rows]

    def batches(self, rank: int, number: int, lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """All batches of a block; only the epoch's last may be short, or empty."""
        steps = min(self.block_steps, self.steps - number * self.block_steps)
        is_last = number == self.blocks - 1
        # Spans differ by one row at most, so all batches but the epoch's last are full on every rank.
        full = steps - 1 if is_last else steps
        if self._draw.seed is None:
            return [np.arange(len(lengths))[k * self.share : (k + 1) * self.share] for k in range(steps)]
        order = self._random(number, rank).permutation(len(lengths))
        sorted_rows, tail = self._by_length(order, lengths, len(order) - full * self.share, number, rank)
        # All ranks put their batches in the same order: of like length in one step, none waits for another.
        places = self._random(number, self._ranks).permutation(full)
        return [*sorted_rows.reshape(full, self.share)[places], *([tail] if is_last else [])]

    def unseen(self, steps: int, lengths_of: LengthsOf) -> Rows:
        """The rows that are in none of the first `steps` batches, in the order of the sequence."""
        is_seen = np.zeros(len(self._sequence), dtype=np.bool_)
        number, offset = divmod(min(steps, self.steps), self.block_steps)
        for rank, first in enumerate(self._bounds[:-1]):
            drawn = min(number * self.block_steps * self.share, len(self.span(rank)))
            is_seen[first : first + drawn] = True
            if offset:
                lengths = lengths_of(self.block(rank, number))
                for batch in self.batches(rank, number, lengths)[:offset]:
                    is_seen[first + drawn + batch] = True
        return self._sequence[~is_seen]

    def _by_length(
        self, order: NDArray[np.int64], lengths: NDArray[np.int64], short: int, number: int, rank: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows sorted by about their length within pools; and `short` neighbours, taken out of the last."""
        count = max(math.ceil(len(order) / (_POOL_STEPS * self.share)), 1)
        # Of whole batches, and as large as each other: a small one would have rows of all lengths in a batch.
        bounds = [number * (len(order) // self.share) // count * self.share for number in range(1, count)]
        noise = self._random(number, 2 * self._ranks + 1 + rank).uniform(-_BLUR, _BLUR, len(lengths))
        blurred = lengths * (1 + noise)
        pools = [pool[np.argsort(blurred[pool], kind="stable")] for pool in np.split(order, bounds)]
        # As long as they happen to be: were they always the longest, these would be learnt last.
        first = int(self._random(number, self._ranks + 1 + rank).integers(len(pools[-1]) - short + 1))
        tail = pools[-1][first : first + short]
        pools[-1] = np.delete(pools[-1], slice(first, first + short))
        return np.concatenate(pools), tail

    def _random(self, block: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self._draw.seed or 0, *self._name, self._ranks, block, purpose))


def _joined(done: Sequence[Done]) -> list[Done]:
    """Without stretches of no steps, and neighbours of as many ranks as one."""
    joined: list[Done] = []
    for ranks, steps in done:
        if steps and joined and joined[-1].ranks == ranks:
            joined[-1] = Done(ranks, joined[-1].steps + steps)
        elif steps:
            joined.append(Done(ranks, steps))
    return joined


def _sequence(sizes: NDArray[np.int64], seed: int | None, epoch: int) -> Rows:
    """Rows in the order of an epoch's row groups, the same on any number of ranks: 8 bytes a row."""
    if seed is None:
        return np.arange(int(sizes.sum()))
    order = np.random.default_rng((seed, epoch)).permutation(len(sizes))
    ordered = sizes[order]
    # Each row is so far from where it stands in the order as its row group was moved.
    moved = (np.cumsum(sizes) - sizes)[order] - (np.cumsum(ordered) - ordered)
    rows: Rows = np.arange(int(sizes.sum())) + np.repeat(moved, ordered)
    return rows

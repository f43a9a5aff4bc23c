"""One pinned table version to batches: every row once an epoch over all ranks, the same steps on each.

Shapes: `B` rows of a rank's batch, `T` tokens of its longest row; without tokens, there is no axis `T`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from invoicelake.training.epoch_plan import Done, Draw, EpochPlan
from invoicelake.training.layout import Layout, Tensors
from invoicelake.training.prefetch import prefetched
from invoicelake.training.sources import Source

_BATCHES_AHEAD = 16
_BUFFER_SHARE = 1 / 4
"""Of the memory for rows; the rest is for the row groups that are being read, and for batches."""


class Batch(NamedTuple):
    """What one step of one rank learns from.

    Attributes:
        inputs: each `(B, T, ...)`.
        targets: `(B, T, ...)`.
        weights: float32 `(B,)`, 1 for a row that counts, 0 for one that only fills up the batch.
    """

    inputs: dict[str, NDArray[Any]]
    targets: NDArray[Any]
    weights: NDArray[np.float32]


class Feed:
    """Batches of the rows of one table version, for one rank.

    Args:
        source: the rows.
        layout: what their tensors are.
        draw: the order in which they come.
        rank: number of this rank.
        size: number of ranks.
    """

    def __init__(self, source: Source, layout: Layout, draw: Draw, rank: int = 0, size: int = 1) -> None:
        self._source, self._layout, self._draw = source, layout, draw
        self._rank, self._size = rank, size
        self.rows = int(source.sizes.sum())

    def epoch(self, number: int = 0, done: Sequence[Done] = ()) -> Epoch:
        """An epoch, from 0, or what is left of it after `done`; the same arguments on all ranks."""
        plan = EpochPlan(self._source.sizes, self._draw, number, self._size, done, self._source.lengths)
        return Epoch(plan, self._rank, self._source, self._layout)


class Epoch:
    """A rank's share of an epoch.

    Attributes:
        first_step: steps done before.
        steps: on each rank, those done before among them.
        whole_steps: what `steps` is when nothing was done before.
        own_rows: rows that this rank has yet to draw.
        padding_share: of the tokens of the batches made so far (rows, where there are no tokens), those that
            hold nothing; 0 before the first.
    """

    def __init__(self, plan: EpochPlan, rank: int, source: Source, layout: Layout) -> None:
        self.first_step, self.steps, self.whole_steps = plan.first_step, plan.steps, plan.whole_steps
        self.own_rows = plan.own_rows(rank)
        self._plan, self._rank, self._source, self._layout = plan, rank, source, layout
        self._tokens = self._room = 0

    @property
    def padding_share(self) -> float:
        """Of the tokens of the batches made so far, those that hold nothing."""
        return 1 - self._tokens / self._room if self._room else 0.0

    def batches(self) -> Generator[Batch, None, None]:
        """Yield the batches of the steps yet to do; close it when they are not all taken."""
        return prefetched(self._made(), _BATCHES_AHEAD)

    def _made(self) -> Generator[Batch, None, None]:
        if self.steps == self.first_step:
            return
        wanted = self._plan.blocks(self._rank)
        with closing(self._source.blocks(wanted)) as blocks:
            for number, tensors in enumerate(blocks):
                lengths = self._layout.lengths(tensors)
                some = tensors if len(lengths) else self._filler()
                for rows in self._plan.batches(self._rank, number, lengths):
                    yield self._batch(some, lengths, rows)

    def _filler(self) -> Tensors:
        """Some row, for a rank that has none: a model may not know what to make of a row of zeros."""
        with closing(self._source.blocks([np.zeros(1, dtype=np.int64)])) as blocks:
            return next(blocks)

    def _batch(self, tensors: Tensors, lengths: NDArray[np.int64], rows: NDArray[np.int64]) -> Batch:
        counting = len(rows)
        shortest = int(np.argmin(lengths)) if len(lengths) else 0
        taken = np.concatenate([rows, np.full(self._plan.share - counting, shortest, dtype=np.int64)])
        longest = self._layout.batch_length(int(lengths[rows].max(initial=0)))
        arrays = self._layout.taken(tensors, taken, longest)
        targets = arrays.pop(self._layout.target)
        if self._layout.ignored is not None:
            targets[counting:] = self._layout.ignored
        weights = (np.arange(self._plan.share) < counting).astype(np.float32)
        self._tokens += int(lengths[rows].sum())
        self._room += self._plan.share * longest
        return Batch(arrays, targets, weights)


def draw_of(layout: Layout, batch_size: int, memory_mb: int, seed: int | None) -> Draw:
    """How rows are drawn with so much memory for them; `seed` None leaves them in the order of the table."""
    buffer_rows = int(memory_mb * 2**20 * _BUFFER_SHARE) // layout.row_bytes()
    return Draw(batch_size, max(buffer_rows, batch_size), seed)

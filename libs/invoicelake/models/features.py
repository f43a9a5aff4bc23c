"""What a token looks like and where it stands, as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from invoicelake.models.tokens import Tokens
from invoicelake.text.amounts import find_amounts, minor_units
from invoicelake.text.dates import find_dates, parse_date
from invoicelake.text.document import Line

Array = NDArray[np.float32]
_ROUNDING = 5
_FAR = 1e7
_MANY = 40


def page_boxes(lines: Sequence[Line]) -> tuple[Array, Array]:
    """Free the boxes of lines from the scan's resolution.

    Returns:
        `(lines, 4)` x0, y0, x1, y1 as shares of the extents of the page's text, and the same in heights of a
        typical line of the page, counted from the corner of its text.
    """
    read = np.array([line[2:] for line in lines], dtype=np.float64).reshape(-1, 4)
    # A box that is no number stands in the corner, lest no feature of its page be one.
    boxes = np.nan_to_num(read, posinf=0, neginf=0).clip(-_FAR, _FAR).astype(np.float32)
    pages = np.array([line.page for line in lines], dtype=np.int32)
    shares, heights = np.zeros_like(boxes), np.zeros_like(boxes)
    for page in np.unique(pages):
        mine = pages == page
        low, high = boxes[mine, :2].min(axis=0), boxes[mine, 2:].max(axis=0)
        typical = float(np.median(boxes[mine, 3] - boxes[mine, 1]))
        from_corner = boxes[mine] - np.tile(low, 2)
        shares[mine] = from_corner / np.maximum(np.tile(high - low, 2), 1e-3)
        heights[mine] = from_corner / max(typical, 1e-3)
    return np.clip(shares, -1, 2), np.clip(heights, -1000, 1000)


def token_boxes(boxes: Array, lines: Sequence[Line], tokens: Tokens) -> Array:
    """Cut the boxes of lines into boxes of tokens by their share of the characters: `(tokens, 4)`."""
    whole = boxes[tokens.lines]
    lengths = np.array([max(len(line.text), 1) for line in lines], dtype=np.float32)[tokens.lines]
    width = whole[:, 2] - whole[:, 0]
    cut = whole.copy()
    cut[:, 0] = whole[:, 0] + width * tokens.starts / lengths
    cut[:, 2] = whole[:, 0] + width * tokens.ends / lengths
    return cut


def token_features(
    lines: Sequence[Line], tokens: Tokens, characters: NDArray[np.uint32], shares: Array, heights: Array
) -> Array:
    """Describe each token of a document by its place, its shape and its amounts and dates.

    Args:
        lines: of the whole document.
        tokens: of the whole document.
        characters: `(tokens, C)` code points, 0 where there is none.
        shares: `(lines, 4)` from `page_boxes`, as are heights.
        heights: `(lines, 4)`.

    Returns:
        float32 `(tokens, FEATURES)`, values between -1 and 2.
    """
    parts = [
        *_places(token_boxes(shares, lines, tokens), heights, tokens),
        *_neighbours(heights, tokens, [line.page for line in lines]),
        *_shapes(characters, tokens),
        *_values(lines, tokens),
    ]
    return np.stack([np.asarray(part, dtype=np.float32) for part in parts], axis=1).clip(-1, 2)


def _places(boxes: Array, heights: Array, tokens: Tokens) -> list[Array]:
    line = heights[tokens.lines]
    height = line[:, 3] - line[:, 1]
    right = max(float(heights[:, 2].max(initial=1)), 1.0)
    first, count = _positions(tokens.lines)
    return [
        *boxes.T,
        (boxes[:, 0] + boxes[:, 2]) / 2,
        np.log(np.clip(height, 0.2, 5)),
        (line[:, 2] - line[:, 0]) / right,
        np.abs((line[:, 0] + line[:, 2]) / right - 1),
        line[:, 0] / right,
        line[:, 2] / right,
        first / 8,
        (count - 1 - first) / 8,
        1 / count,
        first == 0,
        first == count - 1,
    ]


def _neighbours(heights: Array, tokens: Tokens, pages: Sequence[int]) -> list[Array]:
    """The row of a token: how far down, how far from the rows beside it, and the token's place in it."""
    rows = tokens.rows
    total = int(rows[-1]) + 1
    top = np.zeros(total, dtype=np.float32)
    bottom = np.zeros(total, dtype=np.float32)
    top[rows] = heights[tokens.lines, 1]
    bottom[rows] = heights[tokens.lines, 3]
    above = np.clip(np.diff(top, prepend=top[:1] - 3), 0, 4) / 2
    below = np.clip(np.diff(top, append=top[-1:] + 3), 0, 4) / 2
    page = np.array(pages, dtype=np.float32)[tokens.lines]
    first, count = _positions(rows)
    from_end = total - 1 - rows
    return [
        np.minimum(rows, _MANY) / _MANY,
        np.minimum(from_end, _MANY) / _MANY,
        1 / (1 + rows),
        1 / (1 + from_end),
        rows / total,
        above[rows],
        below[rows],
        first / 8,
        (count - 1 - first) / 8,
        np.minimum(page, 4) / 4,
        page == page.max(),
    ]


def _positions(groups: NDArray[np.int32]) -> tuple[Array, Array]:
    """Place of each token in its group and the size of the group; tokens of a group may lie apart."""
    order = np.argsort(groups, kind="stable")
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    first = np.empty(len(groups), dtype=np.float32)
    count = np.empty(len(groups), dtype=np.float32)
    first[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    count[order] = np.repeat(sizes, sizes)
    return first, count


def _shapes(characters: NDArray[np.uint32], tokens: Tokens) -> list[Array]:
    length = np.maximum((characters > 0).sum(axis=1), 1).astype(np.float32)
    is_digit = (characters >= 48) & (characters <= 57)
    is_upper = (characters >= 65) & (characters <= 90)
    is_lower = (characters >= 97) & (characters <= 122)
    is_mark = (characters > 32) & (characters < 127) & ~(is_digit | is_upper | is_lower)
    return [
        is_digit.sum(axis=1) / length,
        is_upper.sum(axis=1) / length,
        is_lower.sum(axis=1) / length,
        is_mark.sum(axis=1) / length,
        length / 16,
        [text.endswith(",") for text in tokens.texts],
        [text.endswith(":") for text in tokens.texts],
        [text.endswith(".") for text in tokens.texts],
    ]


def _values(lines: Sequence[Line], tokens: Tokens) -> list[Array]:
    """Which tokens are part of an amount or a date, and how the amounts of the document relate."""
    size = len(tokens.texts)
    minor = np.zeros(size, dtype=np.int64)
    is_amount, is_date, date_order = np.zeros((3, size), dtype=np.float32)
    days_of: dict[int, date] = {}
    dates = 0
    # The tokens of a line are neighbours. Dates are counted from the last line.
    firsts = np.flatnonzero(np.diff(tokens.lines, prepend=-1))
    numbers = tokens.lines[firsts].tolist()
    for number, first, last in zip(numbers[::-1], firsts[::-1], [size, *firsts[:0:-1]], strict=True):
        text = lines[number].text
        amounts, days = find_amounts(text), find_dates(text)
        if not amounts and not days:
            continue
        starts, ends = tokens.starts[first:last], tokens.ends[first:last]
        for start, end, printed in amounts:
            under = first + np.flatnonzero((starts < end) & (ends > start))
            is_amount[under] = 1
            minor[under] = abs(minor_units(printed) or 0)
        for start, end, printed in days:
            under = first + np.flatnonzero((starts < end) & (ends > start))
            is_date[under], date_order[under] = 1, 1 / (1 + dates)
            dates += 1
            if day := parse_date(printed):
                days_of |= dict.fromkeys(under.tolist(), day)
    return [is_amount, is_date, date_order, *_chronology(days_of, size), *_relations(minor, is_amount > 0)]


def _chronology(days_of: Mapping[int, date], size: int) -> list[Array]:
    """How few days of the document are later than that of a token, and how few earlier; each `(tokens,)`.

    An invoice falls due after it is issued, and is issued after the order.
    """
    days = sorted(set(days_of.values()))
    later, earlier = np.zeros((2, size), dtype=np.float32)
    for place, day in days_of.items():
        rank = days.index(day)
        later[place], earlier[place] = 1 / (len(days) - rank), 1 / (1 + rank)
    return [later, earlier]


def _relations(minor: NDArray[np.int64], is_amount: NDArray[np.bool_]) -> list[Array]:
    """How an amount stands among the others: its rank, its count, whether two others differ by it.

    Each `(tokens,)`, 0 where there is no amount.
    """
    values, places, counts = np.unique(minor[is_amount], return_inverse=True, return_counts=True)
    if not len(values):
        return [np.zeros(len(minor), dtype=np.float32)] * 8
    values, places = values[-_MANY:], places - max(len(values) - _MANY, 0)
    counts = counts[-_MANY:]
    gaps = values[:, None] - values[None, :]
    positive = (values > 0)[:, None] & (values > 0)[None, :]
    is_gap = np.isin(values, gaps[(gaps > 0) & positive])
    is_sum = np.isin(values, (values[:, None] + values[None, :])[np.triu(positive, 1)])
    is_near = ((np.abs(gaps) <= _ROUNDING) & (gaps != 0)).any(axis=1)
    rank = np.arange(len(values), 0, -1)
    order = np.cumsum(is_amount) / max(is_amount.sum(), 1)
    table = np.stack(
        [
            values / max(values[-1], 1),
            rank == 1,
            1 / rank,
            np.minimum(counts, 6) / 6,
            is_gap,
            is_sum,
            is_near,
        ],
        axis=1,
    ).astype(np.float32)
    spread = np.zeros((len(minor), table.shape[1] + 1), dtype=np.float32)
    spread[is_amount, :-1] = np.where((places >= 0)[:, None], table[np.maximum(places, 0)], 0)
    spread[is_amount, -1] = order[is_amount]
    return list(spread.T)


FEATURES = 15 + 11 + 8 + 3 + 2 + 8

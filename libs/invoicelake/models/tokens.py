"""Words of text lines in reading order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invoicelake.text.document import Line

# A word ends at a space, before a bracket and after a colon that is not part of a time; a currency glued to
# its amount is a word of its own.
_SIGN = "[$€£¥]"
_CURRENCY = rf"(?:[^\W\d_]{{1,3}}\.?|{_SIGN})(?=\d[\d.,]*[.,]\d\d\d?(?!\d))|(?<=\d){_SIGN}"
_PART = rf"(?:(?!(?<=\d){_SIGN})[^\s(:]|(?<=\d):(?=\d))"
_WORD = re.compile(rf"{_CURRENCY}|\({_PART}*:*|{_PART}+:*|:+")
_SAME_ROW_OVERLAP = 0.5


@dataclass(frozen=True)
class Tokens:
    """The `n` tokens of a document in reading order: page, row, then from left to right.

    Attributes:
        texts: `n` words, as printed.
        lines: int32 `(n,)`, the number of the line in the document as it came.
        starts: int32 `(n,)`, where the word begins in its line.
        ends: int32 `(n,)`, where it ends.
        rows: int32 `(n,)`, the number of the visual row, over all pages.
    """

    texts: list[str]
    lines: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    rows: NDArray[np.int32]


def tokenise(lines: Sequence[Line]) -> Tokens:
    """Split lines into words and put them in reading order."""
    texts: list[str] = []
    places: list[tuple[int, int, int, int]] = []
    for row, members in enumerate(reading_rows(lines)):
        for number in members:
            for word in _WORD.finditer(lines[number].text):
                texts.append(word[0])
                places.append((number, word.start(), word.end(), row))
    table = np.array(places, dtype=np.int32).reshape(-1, 4)
    return Tokens(texts, table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def reading_rows(lines: Sequence[Line]) -> list[list[int]]:
    """Group line numbers into visual rows, from top to bottom, and within a row from left to right."""
    rows: list[list[int]] = []
    for number in sorted(
        range(len(lines)), key=lambda k: (lines[k].page, lines[k].y0 + lines[k].y1, lines[k].x0, k)
    ):
        home = next((row for row in rows[:-4:-1] if _belongs(lines[number], row, lines)), None)
        if home is None:
            rows.append([number])
        else:
            home.append(number)
    # A line may join a row above the last one, so rows stay in the order of their first line.
    return [sorted(row, key=lambda k: (lines[k].x0, k)) for row in rows]


def _belongs(line: Line, row: list[int], lines: Sequence[Line]) -> bool:
    """Whether a line stands beside the nearest line of the row and over none of its lines."""
    nearest = min((lines[k] for k in row), key=lambda other: abs(other.x0 + other.x1 - line.x0 - line.x1))
    shared = min(line.y1, nearest.y1) - max(line.y0, nearest.y0)
    lower = min(line.y1 - line.y0, nearest.y1 - nearest.y0)
    covered = min(line.x1, nearest.x1) - max(line.x0, nearest.x0)
    narrower = min(line.x1 - line.x0, nearest.x1 - nearest.x0)
    is_level = line.page == nearest.page and shared > _SAME_ROW_OVERLAP * lower
    return is_level and covered <= 0.5 * max(narrower, 1e-6)

"""Days in chunks that fit memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date


def chunks_of_days(rows: Sequence[tuple[date, int]], max_lines: int) -> list[tuple[date, ...]]:
    """The days in order, in runs whose sizes add up to at most `max_lines`; a larger day is a run by itself.

    Args:
        rows: day and its size, in lines or whatever `max_lines` counts.
        max_lines: largest size of a chunk.
    """
    chunks: list[list[date]] = []
    size = 0
    for day, lines in sorted(rows):
        if not chunks or size + lines > max_lines:
            chunks.append([])
            size = 0
        chunks[-1].append(day)
        size += lines
    return [tuple(chunk) for chunk in chunks]

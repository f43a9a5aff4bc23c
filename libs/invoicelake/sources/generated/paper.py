"""Printed rows before they are set: cells with their place across the page."""

from __future__ import annotations

from typing import NamedTuple


class Cell(NamedTuple):
    """A text that stands in one box.

    Attributes:
        x: place across the page, as a share of the width between the margins.
        align: share of the text that lies left of `x`.
        size: relative to normal print.
    """

    text: str
    x: float
    align: float = 0.0
    size: float = 1.0


class Row(NamedTuple):
    """Cells at one height; `gap` is the free space above it, in lines."""

    cells: tuple[Cell, ...]
    gap: float = 0.0


def text_row(text: str, align: float = 0.0, size: float = 1.0, gap: float = 0.0) -> Row:
    """A row of one cell that is left, centred or right on the page."""
    return Row((Cell(text, align, align, size),), gap)


def beside(left: list[Row], right: list[Row]) -> list[Row]:
    """Two columns of rows set next to each other, row by row."""
    height = max(len(left), len(right))
    columns = [[*column, *[Row(())] * (height - len(column))] for column in (left, right)]
    return [
        Row(first.cells + second.cells, max(first.gap, second.gap))
        for first, second in zip(*columns, strict=True)
    ]


def moved(rows: list[Row], x: float) -> list[Row]:
    """The rows, of one cell each, starting at `x`."""
    return [Row(tuple(cell._replace(x=x, align=0.0) for cell in row.cells), row.gap) for row in rows]

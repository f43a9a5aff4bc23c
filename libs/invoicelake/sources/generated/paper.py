"""Printed rows before they are set: cells with their place across the page."""

from __future__ import annotations

from typing import NamedTuple


class Cell(NamedTuple):
    """A text that stands in one box.

    Attributes:
        x: place across the page, as a share of the width between the margins.
        align: share of the text that lies left of `x`.
        size: relative to normal print.
        parts: names of the parts of a line item, or of the fields, that are in it; not all fields say so.
    """

    text: str
    x: float
    align: float = 0.0
    size: float = 1.0
    parts: tuple[str, ...] = ()


class Row(NamedTuple):
    """Cells at one height.

    Attributes:
        gap: free space above it, in lines.
        item: number of the line item that the row is of, from 0; None for every other row.
    """

    cells: tuple[Cell, ...]
    gap: float = 0.0
    item: int | None = None


class SetLine(NamedTuple):
    """A line of text on the page, its box in pixels, and which parts of which item, or fields, it holds."""

    text: str
    page: int
    x0: float
    y0: float
    x1: float
    y1: float
    item: int | None = None
    parts: tuple[str, ...] = ()


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

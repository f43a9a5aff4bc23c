"""From rows to lines with boxes: where each text stands on the scanned page, in pixels."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from invoicelake.sources.generated.paper import Row, SetLine
from invoicelake.sources.generated.wording import pick

_RATIOS = {"a4": math.sqrt(2), "letter": 11 / 8.5}
_LEADING = 2.0  # line height in widths of a character
_WIDEST = 0.98  # share of the text width that one line may take
_NARROW, _WIDE = "iljtfrI.,:;'!|()[] ", "mwMWAGOQUDHNÄÖÜ@%"
_CHARACTER_WIDTH = {**dict.fromkeys(_NARROW, 0.55), **dict.fromkeys(_WIDE, 1.3)}


@dataclass(frozen=True)
class Sheet:
    """The scan that the rows are set on.

    Attributes:
        width: in pixels.
        ratio: page height as a multiple of the width; None for a roll that ends below the last row.
        characters: how many fit in a line of normal size.
        is_monospaced: whether all characters have one width.
        page_label: printed at the foot where there are several pages, with `{page}` and `{pages}`.
    """

    width: int
    ratio: float | None
    characters: int
    is_monospaced: bool
    page_label: str

    @property
    def margin(self) -> float:
        """Free space at each edge, in pixels."""
        return self.width * 0.06

    @property
    def unit(self) -> float:
        """Width of a character of normal size, in pixels."""
        return (self.width - 2 * self.margin) / self.characters


def drawn_sheet(draw: random.Random, page: str, is_receipt: bool, characters: int, page_label: str) -> Sheet:
    """The sheet at one of the usual scan resolutions."""
    if is_receipt:
        return Sheet(pick(draw, (420, 468, 600, 760, 932)), None, characters, True, page_label)
    return Sheet(pick(draw, (827, 1240, 1654, 2480)), _RATIOS[page], characters, False, page_label)


def typeset(draw: random.Random, rows: list[Row], sheet: Sheet) -> tuple[list[SetLine], float, float]:
    """Set the rows slightly askew, with boxes a little off; returns the lines, page width and page height."""
    slope = math.tan(draw.gauss(0.0, 0.004))
    noise = sheet.unit * 0.06
    pages = _pages(rows, sheet)
    height = sheet.width * sheet.ratio if sheet.ratio else pages[0][-1][1] + sheet.margin
    lines = []
    for number, placed in enumerate(pages):
        for row, bottom in placed:
            lines += list(_lines_of_row(draw, row, bottom, number, sheet, slope, noise))
        if len(pages) > 1:
            lines.append(_page_foot(sheet, number, len(pages), height))
    return lines, float(sheet.width), round(height, 1)


def _pages(rows: list[Row], sheet: Sheet) -> list[list[tuple[Row, float]]]:
    """The rows of each page with the y of their lower edge, in pixels."""
    limit = sheet.width * sheet.ratio - 1.5 * sheet.margin if sheet.ratio else math.inf
    leading = sheet.unit * _LEADING
    pages: list[list[tuple[Row, float]]] = [[]]
    y = sheet.margin
    for row in rows:
        size = max((cell.size for cell in row.cells), default=0.0)
        step = leading * (size * 1.05 + row.gap)
        if y + step > limit:
            pages.append([])
            y = sheet.margin
        y += step
        pages[-1].append((row, y))
    return pages


def _lines_of_row(
    draw: random.Random, row: Row, bottom: float, page: int, sheet: Sheet, slope: float, noise: float
) -> Iterator[SetLine]:
    text_width = sheet.width - 2 * sheet.margin
    for text, x, align, normal_size, parts in row.cells:
        width = _width(text, sheet)
        size = min(normal_size, _WIDEST * text_width / width)
        left = max(sheet.margin * 0.2, sheet.margin + x * text_width - align * width * size)
        right = left + width * size
        shift = slope * ((left + right) / 2 - sheet.width / 2)
        tall = sheet.unit * _LEADING * size * 0.8
        yield SetLine(
            text,
            page,
            max(0.0, round(left + draw.gauss(0.0, noise), 1)),
            max(0.0, round(bottom - tall + shift + draw.gauss(0.0, noise), 1)),
            min(float(sheet.width), round(right + draw.gauss(0.0, noise), 1)),
            max(1.0, round(bottom + shift + draw.gauss(0.0, noise), 1)),
            row.item,
            parts,
        )


def _page_foot(sheet: Sheet, number: int, pages: int, height: float) -> SetLine:
    text = sheet.page_label.format(page=number + 1, pages=pages)
    bottom = height - sheet.margin * 0.5
    width = _width(text, sheet)
    left = (sheet.width - width) / 2
    tall = sheet.unit * _LEADING * 0.8
    x0, y0, x1, y1 = (round(value, 1) for value in (left, bottom - tall, left + width, bottom))
    return SetLine(text, number, x0, y0, x1, y1)


def _width(text: str, sheet: Sheet) -> float:
    """Pixels of a text of normal size."""
    if sheet.is_monospaced:
        return sheet.unit * len(text)
    return sheet.unit * sum(_CHARACTER_WIDTH.get(character, 1.0) for character in text)

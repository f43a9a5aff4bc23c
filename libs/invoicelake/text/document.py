"""A document that has been read: lines of text with their boxes, and what annotators said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """One line of text and its box, in page units (pixels of the original scan); `page` counts from 0."""

    text: str
    page: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class LineItem:
    """One position of a receipt or invoice, as printed; None where the document does not say.

    Attributes:
        part_lines: name of each part that is printed to the lines of the document, from 0, that it stands in;
            empty where that is not known.
    """

    description: str | None = None
    quantity: str | None = None
    unit_price: str | None = None
    amount: str | None = None
    part_lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """A document that could be read.

    Attributes:
        lines: in the order in which they came, which need not be reading order.
        page_width: in page units.
        page_height: in page units.
        labels: field name to value as annotated; a field nobody labelled is absent.
        line_items: as annotated, in printed order.
        label_lines: field name to the lines, from 0, that its value stands in; a field of which nobody said
            so is absent.
    """

    lines: tuple[Line, ...]
    page_width: float
    page_height: float
    labels: Mapping[str, str] = field(default_factory=dict)
    line_items: tuple[LineItem, ...] = ()
    label_lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


class DocumentRejected(Exception):
    """A document that cannot be taken in: a `reason` to group by and a `detail` for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

"""Token probabilities to line items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from invoicelake.models.items import PARTS
from invoicelake.models.read_tokens import ReadTokens
from invoicelake.text.amounts import find_amounts

Places = NDArray[np.intp]
_OF_MONEY = [PARTS.index(part) for part in ("unit_price", "amount")]
_LEAST = 0.5
_LEAST_IF_REPEATED = 0.2


@dataclass(frozen=True)
class ReadItem:
    """A line item as printed; of a part that is not there the text is None.

    Attributes:
        score: how sure its least sure part is, 0 to 1.
        line_numbers: lines of the document that it stands in, from 0.
    """

    description: str | None
    quantity: str | None
    unit_price: str | None
    amount: str | None
    score: float
    line_numbers: tuple[int, ...]


@dataclass(frozen=True)
class _Run:
    """Neighbouring tokens of one part in one line, and how likely an item begins with the first of them."""

    part: str
    places: Places
    score: float
    begins: float


@dataclass
class _Item:
    """The runs of an item, by part."""

    runs: dict[str, list[_Run]] = field(default_factory=dict)

    def take(self, run: _Run, document: ReadTokens) -> None:
        """Add a run; of a number there is one, and of two amounts in a row the first is the price of one."""
        if run.part == "amount" and "amount" in self.runs and "unit_price" not in self.runs:
            last = self.runs["amount"][-1]
            if document.rows[last.places[-1]] == document.rows[run.places[0]]:
                self.runs["unit_price"] = self.runs.pop("amount")
        if run.part == "description" or run.part not in self.runs:
            self.runs.setdefault(run.part, []).append(run)


def read_items(document: ReadTokens) -> list[ReadItem]:
    """Read the line items of a document, in reading order.

    Args:
        document: tokens with the probability `(n, ITEM_CLASSES)` of each class.
    """
    items: list[_Item] = []
    for run in _runs(document):
        is_repeated = bool(items) and run.part != "description" and run.part in items[-1].runs
        if not items or run.begins > (_LEAST_IF_REPEATED if is_repeated else _LEAST):
            items.append(_Item())
        items[-1].take(run, document)
    return [_read(document, item) for item in items if {"description", "amount"} & item.runs.keys()]


def _runs(document: ReadTokens) -> Iterator[_Run]:
    goes_on, begins = document.probabilities[:, 1::2], document.probabilities[:, 2::2]
    of_part = goes_on + begins
    part = np.where(of_part.max(axis=1) > document.probabilities[:, 0], of_part.argmax(axis=1), -1)
    first = begins.sum(axis=1) / np.maximum(of_part.sum(axis=1), 1e-9)
    changes = (np.diff(part) != 0) | (np.diff(document.lines) != 0) | (first[1:] > _LEAST)
    amounts = _amounts(document, np.isin(part, _OF_MONEY))
    changes |= (np.diff(amounts) != 0) & (amounts[1:] >= 0) & (amounts[:-1] >= 0)
    for places in np.split(np.arange(len(part)), np.flatnonzero(changes) + 1):
        number = int(part[places[0]])
        if number >= 0:
            score = float(of_part[places, number].mean())
            yield _Run(PARTS[number], places, score, float(first[places[0]]))


def _amounts(document: ReadTokens, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each wanted token the place in its line at which its amount begins, -1 for other tokens."""
    begins = np.full(len(wanted), -1)
    for number in np.unique(document.lines[wanted]):
        mine = np.flatnonzero(wanted & (document.lines == number))
        spans = find_amounts(document.texts[number])
        for span in sorted(spans, key=lambda span: span.start - span.end):
            under = (document.starts[mine] < span.end) & (document.ends[mine] > span.start)
            begins[mine[under & (begins[mine] < 0)]] = span.start
    return begins


def _read(document: ReadTokens, item: _Item) -> ReadItem:
    texts = {part: _printed(document, item.runs.get(part, [])) for part in PARTS}
    runs = [run for found in item.runs.values() for run in found]
    numbers = {int(document.lines[run.places[0]]) for run in runs}
    return ReadItem(**texts, score=min(run.score for run in runs), line_numbers=tuple(sorted(numbers)))


def _printed(document: ReadTokens, runs: list[_Run]) -> str | None:
    """The words as printed, with what stands between those of a run."""
    texts = [
        document.texts[document.lines[run.places[0]]][
            document.starts[run.places].min() : document.ends[run.places].max()
        ]
        for run in runs
    ]
    return " ".join(" ".join(texts).split()) or None

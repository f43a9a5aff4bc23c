"""Token probabilities to the value of each field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.encoding import Window
from invoicelake.text.amounts import find_amounts
from invoicelake.text.dates import find_dates
from invoicelake.text.document import Line

Array = NDArray[np.float64]
Span = tuple[int, int, str]
_LEAST = 1e-3
_ALSO = 0.1
# Fields begin and end with lines far more often than within one.
_CHANGE_WITHIN_LINE = 3.0
_CHANGE_BETWEEN_LINES = 0.1
_GAP_ROWS = 1
# Annotators seldom take a currency that stands apart from the amount, and one beside it nearly always.
_TOGETHER = 0.4
_APART = 0.99


@dataclass(frozen=True)
class Prediction:
    """One field of a document: its value as printed, how sure that is (0 to 1), and the lines it is on."""

    field: str
    value: str
    score: float
    line_numbers: tuple[int, ...]


@dataclass(frozen=True)
class _Document:
    """Tokens of all windows, in reading order, and the probability `(n, 1 + fields)` of each class."""

    texts: Sequence[str]
    lines: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    rows: NDArray[np.int32]
    probabilities: Array

    def by_line(self) -> Iterable[tuple[int, NDArray[np.intp]]]:
        """Each line number with its tokens."""
        order = np.argsort(self.lines, kind="stable")
        numbers, starts = np.unique(self.lines[order], return_index=True)
        return zip(numbers.tolist(), np.split(order, starts[1:]), strict=True)


def decode(
    lines: Sequence[Line],
    windows: Sequence[Window],
    probabilities: Sequence[NDArray[np.float32]],
    fields: Sequence[config.Field],
    threshold: float = 0.2,
) -> list[Prediction]:
    """Read the fields of a document; a field that is not there gives no prediction.

    Args:
        lines: of the document.
        windows: of the document, from `encode`.
        probabilities: one `(T, 1 + fields)` a window, summing to 1 over the classes; padding is not used.
        fields: in the order of the classes.
        threshold: least score of a prediction.
    """
    if not windows:
        return []
    document = _joined(lines, windows, probabilities)
    found = (
        _READERS[field.kind](field.name, document, document.probabilities[:, number])
        for number, field in enumerate(fields, start=1)
    )
    return [prediction for prediction in found if prediction and prediction.score >= threshold]


def _joined(
    lines: Sequence[Line], windows: Sequence[Window], probabilities: Sequence[NDArray[np.float32]]
) -> _Document:
    """Lay windows over one another; where they overlap, the mean counts."""
    size = max(window.first + len(window.lines) for window in windows)
    places = np.zeros((3, size), dtype=np.int32)
    rows = np.zeros(size, dtype=np.int32)
    total = np.zeros((size, probabilities[0].shape[-1]))
    times = np.zeros((size, 1))
    for window, chances in zip(windows, probabilities, strict=True):
        count = len(window.lines)
        part = slice(window.first, window.first + count)
        places[:, part] = window.lines, window.starts, window.ends
        rows[part] = window.inputs["rows"][:count] - window.inputs["rows"][0] + (rows[window.first] or 0)
        total[part] += chances[:count]
        times[part] += 1
    return _Document([line.text for line in lines], places[0], places[1], places[2], rows, total / times)


def _read_text(name: str, document: _Document, chance: Array) -> Prediction | None:
    """The lines, whole or in part, that most likely hold the field."""
    chosen = _runs(document, chance)
    if not len(chosen):
        return None
    parts = []
    for number in dict.fromkeys(document.lines[chosen].tolist()):
        mine = chosen[document.lines[chosen] == number]
        parts.append(
            (number, document.texts[number][document.starts[mine].min() : document.ends[mine].max()])
        )
    value = " ".join(" ".join(text for _, text in parts).split())
    return Prediction(name, value, float(chance[chosen].mean()), tuple(number for number, _ in parts))


def _runs(document: _Document, chance: Array) -> NDArray[np.intp]:
    """Tokens of the best group of runs, those of a group being at most a row apart."""
    safe = np.clip(chance, _LEAST, 1 - _LEAST)
    gains = np.log(safe / (1 - safe))
    changes = np.where(np.diff(document.lines) != 0, _CHANGE_BETWEEN_LINES, _CHANGE_WITHIN_LINE)
    inside = np.flatnonzero(_best_states(gains, changes))
    if not len(inside):
        return inside
    breaks = np.flatnonzero(np.diff(document.rows[inside]) > _GAP_ROWS) + 1
    groups = np.split(inside, breaks)
    return max(groups, key=lambda group: float(gains[group].sum()))


def _best_states(gains: Array, changes: Array) -> NDArray[np.bool_]:
    """Which tokens are inside (Viterbi): the most gain, less the price of each change between in and out."""
    outside, inside = 0.0, float(gains[0])
    back: list[tuple[bool, bool]] = []
    for gain, price in zip(gains[1:].tolist(), changes.tolist(), strict=True):
        leaves, enters = inside - price > outside, outside - price > inside
        back.append((leaves, not enters))
        outside, inside = (
            (inside - price if leaves else outside),
            (outside - price if enters else inside) + gain,
        )
    states = [inside > outside]
    for leaves, stays in reversed(back):
        states.append(stays if states[-1] else leaves)
    return np.array(states[::-1])


def _spans(find: Callable[[str], Sequence[Span]]) -> Callable[[str, _Document, Array], Prediction | None]:
    """Make a reader of the most likely value among the spans that `find` lists for a line.

    The spans of a document are alternatives, absence is one more, and equal values stand together.
    """

    def read(name: str, document: _Document, chance: Array) -> Prediction | None:
        odds: dict[str, dict[int, float]] = {}
        for number, tokens in document.by_line():
            line = _LineChances(document.starts[tokens], document.ends[tokens], chance[tokens])
            for family in _families(find(document.texts[number])):
                value, score = line.form(family)
                places = odds.setdefault(" ".join(value.split()), {})
                places[number] = places.get(number, 0.0) + score / (1 - score)
        if not odds:
            return None
        value, places = max(odds.items(), key=lambda item: sum(item[1].values()))
        everything = 1 + sum(sum(places.values()) for places in odds.values())
        best = max(places.values())
        lines = tuple(sorted(number for number, share in places.items() if share >= _ALSO * best))
        return Prediction(name, value, sum(places.values()) / everything, lines)

    return read


def _families(spans: Sequence[Span]) -> list[list[Span]]:
    """Group spans that overlap: an amount, and the same with its currency."""
    families: list[list[Span]] = []
    for span in spans:
        if families and span[0] < max(end for _, end, _ in families[-1]):
            families[-1].append(span)
        else:
            families.append([span])
    return families


@dataclass(frozen=True)
class _LineChances:
    """The tokens of a line and their chances, each `(n,)`."""

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    chances: Array

    def form(self, family: Sequence[Span]) -> tuple[str, float]:
        """Choose among forms of one amount or date, and say how likely its core is the value.

        A longer form is taken when what it adds is likely enough.
        """
        core, *longer = sorted(family, key=lambda span: span[1] - span[0])
        under = self._under(core)
        score = float(np.clip(self.chances[under], _LEAST, 1 - _LEAST).mean()) if under.any() else 0.0
        text = core[2]
        for span in longer:
            added = self._under(span) & ~under
            if added.any() and self.chances[added].mean() > (_APART if " " in span[2] else _TOGETHER):
                text, under = span[2], under | added
        return text, score

    def _under(self, span: Span) -> NDArray[np.bool_]:
        return (self.starts < span[1]) & (self.ends > span[0])


_READERS = {"text": _read_text, "date": _spans(find_dates), "amount": _spans(find_amounts)}

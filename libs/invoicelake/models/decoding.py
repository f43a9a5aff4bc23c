"""Token probabilities to the value of each field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.encoding import Window
from invoicelake.models.identifiers import best_stretch, trimmed
from invoicelake.models.read_tokens import ReadTokens, laid_over
from invoicelake.models.values import joined, printed_parts
from invoicelake.text.amounts import find_currencies, find_sums
from invoicelake.text.dates import find_dates
from invoicelake.text.document import Line
from invoicelake.text.percentages import find_percentages

Array = NDArray[np.float64]
Span = tuple[int, int, str]
Candidate = tuple[int, str, float]
"""Line number, value as printed, and how likely it is the field's by itself."""
_LEAST = 1e-3
_ALSO = 0.1
_MOST_ALTERNATIVES = 3
# Fields begin and end with lines far more often than within one.
_CHANGE_WITHIN_LINE = 3.0
_CHANGE_BETWEEN_LINES = 0.1
_GAP_ROWS = 1
# Annotators seldom take a currency that stands apart from the amount, and one beside it nearly always.
_TOGETHER = 0.4
_APART = 0.99


@dataclass(frozen=True)
class Alternative:
    """Another value that a field may have: as printed, how sure that is, and the lines it is on."""

    value: str
    score: float
    line_numbers: tuple[int, ...]


@dataclass(frozen=True)
class Prediction:
    """One field of a document: its value as printed, how sure that is (0 to 1), and the lines it is on.

    Attributes:
        alternatives: values that the field may have instead, the likeliest first.
    """

    field: str
    value: str
    score: float
    line_numbers: tuple[int, ...]
    alternatives: tuple[Alternative, ...] = ()


def decode(
    lines: Sequence[Line],
    windows: Sequence[Window],
    probabilities: Sequence[NDArray[np.float32]],
    fields: Sequence[config.Field],
    threshold: float = 0.2,
    expected: Collection[str] = (),
) -> list[Prediction]:
    """Read the fields of a document; a field that is not there gives no prediction.

    Args:
        lines: of the document.
        windows: of the document, from `encode`.
        probabilities: one `(T, 1 + fields)` a window, summing to 1 over the classes; padding is not used.
        fields: in the order of the classes.
        threshold: least score of a prediction.
        expected: names of fields that every document has: the likeliest value, however unlikely.
    """
    if not windows:
        return []
    document = laid_over(lines, windows, probabilities)
    found = (
        _READERS[field.kind](field.name, document, document.probabilities[:, number])
        for number, field in enumerate(fields, start=1)
    )
    return [
        prediction
        for prediction in found
        if prediction and (prediction.score >= threshold or prediction.field in expected)
    ]


def _read_text(name: str, document: ReadTokens, chance: Array) -> Prediction | None:
    """The lines, whole or in part, that most likely hold the field."""
    groups = _runs(document, chance) or [_best_line(document, chance)]
    best, *others = [_printed(document, chance, group) for group in groups]
    return Prediction(name, best.value, best.score, best.line_numbers, tuple(others[:_MOST_ALTERNATIVES]))


def _printed(document: ReadTokens, chance: Array, chosen: NDArray[np.intp]) -> Alternative:
    """The text of these tokens, as printed."""
    parts = printed_parts(document.texts, document.lines, document.starts, document.ends, chosen)
    value = joined([text for _, text in parts])
    return Alternative(value, float(chance[chosen].mean()), tuple(number for number, _ in parts))


def _best_line(document: ReadTokens, chance: Array) -> NDArray[np.intp]:
    """Tokens of the line that is likeliest to hold the field, though it likely does not."""
    return max((tokens for _, tokens in document.by_line()), key=lambda tokens: float(chance[tokens].mean()))


def _runs(document: ReadTokens, chance: Array) -> list[NDArray[np.intp]]:
    """Tokens of each group of runs, the best first, those of a group being at most a row apart."""
    safe = np.clip(chance, _LEAST, 1 - _LEAST)
    gains = np.log(safe / (1 - safe))
    changes = np.where(np.diff(document.lines) != 0, _CHANGE_BETWEEN_LINES, _CHANGE_WITHIN_LINE)
    inside = np.flatnonzero(_best_states(gains, changes))
    if not len(inside):
        return []
    breaks = np.flatnonzero(np.diff(document.rows[inside]) > _GAP_ROWS) + 1
    groups = np.split(inside, breaks)
    return sorted(groups, key=lambda group: -float(gains[group].sum()))


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


def _spans(find: Callable[[str], Sequence[Span]]) -> Callable[[str, ReadTokens, Array], Prediction | None]:
    """Make a reader of the most likely value among the spans that `find` lists for a line."""

    def found(document: ReadTokens, chance: Array) -> Iterable[Candidate]:
        for number, tokens in document.by_line():
            line = _LineChances(document.starts[tokens], document.ends[tokens], chance[tokens])
            for family in _families(find(document.texts[number])):
                yield number, *line.form(family)

    return _likeliest(found)


def _identifiers(document: ReadTokens, chance: Array) -> Iterable[Candidate]:
    """Of each line the neighbouring words that most likely are the value, if there is a digit in them."""
    for number, tokens in document.by_line():
        first, last = best_stretch(chance[tokens])
        chosen = tokens[first:last]
        text = document.texts[number][document.starts[chosen[0]] : document.ends[chosen[-1]]]
        if value := trimmed(text):
            yield number, value, float(np.clip(chance[chosen], _LEAST, 1 - _LEAST).mean())


def _likeliest(
    find: Callable[[ReadTokens, Array], Iterable[Candidate]],
) -> Callable[[str, ReadTokens, Array], Prediction | None]:
    """Make a reader of the most likely of the candidates that `find` lists.

    The candidates of a document are alternatives, absence is one more, and equal values stand together.
    """

    def read(name: str, document: ReadTokens, chance: Array) -> Prediction | None:
        odds: dict[str, dict[int, float]] = {}
        for number, value, score in find(document, chance):
            places = odds.setdefault(" ".join(value.split()), {})
            places[number] = places.get(number, 0.0) + score / (1 - score)
        if not odds:
            return None
        everything = 1 + sum(sum(places.values()) for places in odds.values())
        likeliest = sorted(odds.items(), key=lambda item: -sum(item[1].values()))[: 1 + _MOST_ALTERNATIVES]
        best, *others = (
            Alternative(value, sum(places.values()) / everything, _main_lines(places))
            for value, places in likeliest
        )
        return Prediction(name, best.value, best.score, best.line_numbers, tuple(others))

    return read


def _main_lines(places: dict[int, float]) -> tuple[int, ...]:
    """The lines that a value is on, those left out where it is far less likely than elsewhere."""
    best = max(places.values())
    return tuple(sorted(number for number, odds in places.items() if odds >= _ALSO * best))


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


_READERS: Mapping[config.FieldKind, Callable[[str, ReadTokens, Array], Prediction | None]] = {
    "text": _read_text,
    "date": _spans(find_dates),
    "amount": _spans(find_sums),
    "currency": _spans(find_currencies),
    "percentage": _spans(find_percentages),
    "identifier": _likeliest(_identifiers),
}

"""Annotated values to classes for every token: of its field, and of its part of a line item.

Class 0 is none of the fields, class `k` the k-th field; classes of items are said in `items`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from invoicelake import config
from invoicelake.models.encoding import IGNORED, Window
from invoicelake.models.items import item_classes
from invoicelake.models.tokens import Tokens, tokenise
from invoicelake.text.amounts import currency_code, find_currencies, find_sums, minor_units
from invoicelake.text.dates import find_dates, parse_date
from invoicelake.text.document import Line, LineItem
from invoicelake.text.percentages import find_percentages, share_of

Places = NDArray[np.intp]
_NOWHERE = np.zeros(0, dtype=np.intp)
_LEAST_LIKENESS = 80.0


def label(
    lines: Sequence[Line],
    windows: Sequence[Window],
    labels: Mapping[str, str],
    fields: Sequence[config.Field],
    settings: config.Encoding,
    label_lines: Mapping[str, Sequence[int]] | None = None,
    items: Sequence[LineItem] = (),
) -> list[NDArray[np.uint8]]:
    """Say for each window which field, and which part of a line item, each token belongs to.

    Args:
        lines: of the document.
        windows: of the document, from `encode`.
        labels: field name to value; where a field's value is not in the text, no token is of its class.
        fields: in the order of the classes.
        settings: those the windows were made with.
        label_lines: field name to the lines that its value stands in, where that is known.
        items: line items; where none says where it stands, their classes are `IGNORED`.

    Returns:
        One uint8 array `(max_tokens, 2)` a window, fields first; padding is `IGNORED`.
    """
    of_fields = token_classes(lines, labels, fields, label_lines or {})
    classes = np.stack([of_fields, item_classes(lines, items)], axis=1)
    targets = []
    for window in windows:
        target = np.full((settings.max_tokens, 2), IGNORED, dtype=np.uint8)
        size = len(window.lines)
        target[:size] = classes[window.first : window.first + size]
        targets.append(target)
    return targets


def token_classes(
    lines: Sequence[Line],
    labels: Mapping[str, str],
    fields: Sequence[config.Field],
    label_lines: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> NDArray[np.uint8]:
    """Give each token, in reading order, the number of its field; the earlier of two fields has it."""
    tokens = tokenise(lines)
    classes = np.zeros(len(tokens.texts), dtype=np.uint8)
    for number, field in enumerate(fields, start=1):
        value = labels.get(field.name, "").strip()
        if value and len(classes):
            places = _places(field, value, lines, tokens, label_lines.get(field.name, ()))
            classes[places[classes[places] == 0]] = number
    return classes


def _places(
    field: config.Field, value: str, lines: Sequence[Line], tokens: Tokens, numbers: Sequence[int]
) -> Places:
    """The tokens of a value, in the lines of these numbers if there are any, else wherever it is printed."""
    if not numbers:
        return _FINDERS[field.kind](value, lines, tokens)
    inside = np.flatnonzero(np.isin(tokens.lines, numbers))
    texts = [tokens.texts[k] for k in inside]
    part = Tokens(texts, *(each[inside] for each in (tokens.lines, tokens.starts, tokens.ends, tokens.rows)))
    return inside[_FINDERS[field.kind](value, lines, part)] if texts else _NOWHERE


def _find_amount(value: str, lines: Sequence[Line], tokens: Tokens) -> Places:
    """Every amount printed like the value, or else worth as much."""
    spans = _spans(find_sums, lines)
    printed = [span for span in spans if _joined(span[3]) == _joined(value)]
    worth = minor_units(value)
    alike = printed or [span for span in spans if worth and minor_units(span[3]) == worth]
    return _tokens_under(alike, tokens)


def _find_date(value: str, lines: Sequence[Line], tokens: Tokens) -> Places:
    """Every date printed like the value, or else of the same day."""
    spans = _spans(find_dates, lines)
    printed = [span for span in spans if span[3] == value]
    day = parse_date(value)
    alike = printed or [span for span in spans if day and parse_date(span[3]) == day]
    return _tokens_under(alike, tokens) if alike else _find_text(value, lines, tokens)


def _find_currency(value: str, lines: Sequence[Line], tokens: Tokens) -> Places:
    """Every currency printed like the value, or else that means the same."""
    spans = _spans(find_currencies, lines)
    printed = [span for span in spans if span[3].casefold() == value.casefold()]
    code = currency_code(value)
    alike = printed or [span for span in spans if code and currency_code(span[3]) == code]
    return _tokens_under(alike, tokens)


def _find_percentage(value: str, lines: Sequence[Line], tokens: Tokens) -> Places:
    """Every percentage worth as much as the value."""
    share = share_of(value)
    spans = _spans(find_percentages, lines) if share is not None else []
    return _tokens_under([span for span in spans if share_of(span[3]) == share], tokens)


def _find_identifier(value: str, lines: Sequence[Line], tokens: Tokens) -> Places:
    """Every run of whole words of a line that reads like the value; a part of a longer number is none."""
    wanted, found = _letters(value), [_NOWHERE]
    for number in np.unique(tokens.lines) if wanted else ():
        mine = np.flatnonzero(tokens.lines == number)
        words = [_letters(tokens.texts[k]) for k in mine]
        for first in range(len(mine)):
            for last in range(first + 1, len(mine) + 1):
                text = "".join(words[first:last])
                if text == wanted and words[first]:
                    found.append(mine[first:last])
                if len(text) >= len(wanted):
                    break
    places: Places = np.unique(np.concatenate(found))
    return places


def _spans(
    find: Callable[[str], Iterable[tuple[int, int, str]]], lines: Sequence[Line]
) -> list[tuple[int, int, int, str]]:
    """What `find` lists of each line, with the line's number before it."""
    return [(number, *span) for number, line in enumerate(lines) for span in find(line.text)]


def _joined(text: str) -> str:
    return text.replace(" ", "")


def _tokens_under(spans: Sequence[tuple[int, int, int, str]], tokens: Tokens) -> Places:
    under = [
        np.flatnonzero((tokens.lines == number) & (tokens.starts < end) & (tokens.ends > start))
        for number, start, end, _ in spans
    ]
    return np.unique(np.concatenate(under)) if under else _NOWHERE


def _find_text(value: str, lines: Sequence[Line], tokens: Tokens) -> Places:
    """The run of tokens that reads like the value, or lines that make it up, or a similar run."""
    wanted = _letters(value)
    if not wanted:
        return _NOWHERE
    document_order = np.lexsort((tokens.starts, tokens.lines))
    for order in (np.arange(len(tokens.texts)), document_order):
        stream = _Stream.of(tokens, order)
        begin = stream.text.find(wanted)
        if begin >= 0:
            return stream.places(begin, begin + len(wanted))
    parts = _lines_that_make_up(wanted, tokens)
    return parts if len(parts) else _likeness(wanted, tokens)


@dataclass(frozen=True)
class _Stream:
    """Letters and digits of tokens one after another, and the token of each."""

    text: str
    owners: Places
    order: Places

    @classmethod
    def of(cls, tokens: Tokens, order: Places) -> _Stream:
        words = [_letters(tokens.texts[k]) for k in order]
        return cls("".join(words), np.repeat(order, [len(word) for word in words]), order)

    def places(self, begin: int, end: int) -> Places:
        """Tokens of a part of the text, and those between them that have neither letters nor digits."""
        first, last = (np.flatnonzero(self.order == self.owners[k])[0] for k in (begin, end - 1))
        return self.order[first : last + 1]


def _lines_that_make_up(wanted: str, tokens: Tokens) -> Places:
    """Whole lines that together read like the value, as in one of two columns; others are left out."""
    texts: dict[int, str] = {}
    for number, text in zip(tokens.lines.tolist(), tokens.texts, strict=True):
        texts[number] = texts.get(number, "") + _letters(text)
    numbers = [number for number, text in texts.items() if text]
    for k, first in enumerate(numbers):
        rest, chosen = wanted, []
        for number in numbers[k:]:
            if rest.startswith(texts[number]):
                chosen.append(number)
                rest = rest[len(texts[number]) :]
            elif number == first:
                break
        if not rest:
            return np.flatnonzero(np.isin(tokens.lines, chosen))
    return _NOWHERE


def _likeness(wanted: str, tokens: Tokens) -> Places:
    """The run of tokens most like the value, where one is like enough."""
    stream = _Stream.of(tokens, np.arange(len(tokens.texts)))
    found = fuzz.partial_ratio_alignment(wanted, stream.text, score_cutoff=_LEAST_LIKENESS)
    if found is None or found.dest_end <= found.dest_start or len(stream.text) < len(wanted):
        return _NOWHERE
    places = stream.places(found.dest_start, found.dest_end)
    inside = np.bincount(stream.owners[found.dest_start : found.dest_end], minlength=len(tokens.texts))
    whole = np.bincount(stream.owners, minlength=len(tokens.texts))
    return places[inside[places] * 2 >= whole[places]]


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())


_FINDERS: Mapping[config.FieldKind, Callable[[str, Sequence[Line], Tokens], Places]] = {
    "text": _find_text,
    "date": _find_date,
    "amount": _find_amount,
    "currency": _find_currency,
    "percentage": _find_percentage,
    "identifier": _find_identifier,
}

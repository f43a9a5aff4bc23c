"""Annotated line items to a class for every token.

Class 0 is no part of an item. Of each part there are two classes: of a token that goes on with the item of
the item token before it in reading order, and of one that begins an item. So items take any number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from invoicelake.models.encoding import IGNORED
from invoicelake.models.tokens import Tokens, tokenise
from invoicelake.text.document import Line, LineItem

PARTS = ("description", "quantity", "unit_price", "amount")
ITEM_CLASSES = 1 + 2 * len(PARTS)
Places = NDArray[np.intp]
_NOWHERE = np.zeros(0, dtype=np.intp)


def item_classes(lines: Sequence[Line], items: Sequence[LineItem]) -> NDArray[np.uint8]:
    """Give each token, in reading order, its class; all are `IGNORED` where no item says where it stands."""
    tokens = tokenise(lines)
    if not any(item.part_lines for item in items):
        return np.full(len(tokens.texts), IGNORED, dtype=np.uint8)
    classes = np.zeros(len(tokens.texts), dtype=np.uint8)
    for item in items:
        taken = [_NOWHERE]
        for number, part in enumerate(PARTS):
            places = _places_of(part, item, tokens)
            places = places[classes[places] == 0]
            classes[places] = 1 + 2 * number
            taken.append(places)
        if len(whole := np.concatenate(taken)):
            classes[whole.min()] += 1
    return classes


def _places_of(part: str, item: LineItem, tokens: Tokens) -> Places:
    """The first run of words in the part's lines that is printed like it; of a misread one all of them."""
    value, numbers = getattr(item, part), item.part_lines.get(part, ())
    if not value or not numbers:
        return _NOWHERE
    mine = np.flatnonzero(np.isin(tokens.lines, numbers))
    order: Places = mine[np.lexsort((tokens.starts[mine], tokens.lines[mine]))]
    for form in (_unspaced, _letters):
        words, wanted = [form(tokens.texts[k]) for k in order], form(value)
        if wanted and (run := _run(words, wanted)):
            first, end = run
            return order[first:end]
    is_alone = not any(set(numbers) & set(others) for name, others in item.part_lines.items() if name != part)
    return order if is_alone else _NOWHERE


def _run(words: Sequence[str], wanted: str) -> tuple[int, int] | None:
    """First and one past the last of neighbouring words that together are what is wanted."""
    for first in range(len(words)):
        text = ""
        for last in range(first, len(words)):
            text += words[last]
            if text == wanted:
                return first, last + 1
            if not wanted.startswith(text):
                break
    return None


def _unspaced(text: str) -> str:
    return "".join(text.split())


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())

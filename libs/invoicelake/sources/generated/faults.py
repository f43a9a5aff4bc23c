"""The faults of a poor scan: characters misread, spaces lost, lines cut in two or run together."""

from __future__ import annotations

import random
import unicodedata
from typing import TypeVar

from invoicelake.sources.generated.paper import SetLine
from invoicelake.sources.generated.wording import chance, pick
from invoicelake.text.document import Line

AnyLine = TypeVar("AnyLine", Line, SetLine)
_MISREAD = {
    "0": "O", "O": "0", "1": "l", "l": "1", "I": "l", "5": "S", "S": "5", "8": "B", "B": "8", "6": "G",
    "2": "Z", "rn": "m", "m": "rn", "cl": "d", "e": "c", "c": "e", "u": "n", "n": "u", "h": "b", "Q": "O",
    "€": "E",
}  # fmt: skip
_DROPPED = ".,:;-'"
_CUT_SHARE, _JOIN_SHARE, _SWAP_SHARE = 0.02, 0.02, 0.05


def with_faults(draw: random.Random, lines: list[AnyLine], fault_share: float) -> list[AnyLine]:
    """The lines as a poor reader sees them: `fault_share` is the share of characters that go wrong."""
    read = [line._replace(text=_misread(draw, line.text, fault_share)) for line in lines]
    return _joined(draw, _cut(draw, read))


def shuffled_a_little(draw: random.Random, lines: list[AnyLine]) -> list[AnyLine]:
    """The lines in nearly the same order: some neighbours change places."""
    order = list(lines)
    for place in range(len(order) - 1):
        if chance(draw, _SWAP_SHARE):
            order[place], order[place + 1] = order[place + 1], order[place]
    return order


def _misread(draw: random.Random, text: str, share: float) -> str:
    characters, place = [], 0
    while place < len(text):
        pair, character = text[place : place + 2], text[place]
        taken = 1
        if chance(draw, share):
            if pair in _MISREAD:
                character, taken = _MISREAD[pair], 2
            else:
                character = _wrong(draw, character)
        characters.append(character)
        place += taken
    return "".join(characters).strip() or text


def _wrong(draw: random.Random, character: str) -> str:
    """What a character is taken for; one that is never mistaken stays."""
    if character in _MISREAD:
        return _MISREAD[character]
    if character == " ":
        return pick(draw, ("", "  "))
    if character in _DROPPED:
        return ""
    return unicodedata.normalize("NFD", character)[0]


def _cut(draw: random.Random, lines: list[AnyLine]) -> list[AnyLine]:
    """Some lines fall in two at a space."""
    read = []
    for line in lines:
        spaces = [place for place, character in enumerate(line.text) if character == " "]
        place = pick(draw, spaces) if spaces and chance(draw, _CUT_SHARE) else 0
        left, right = line.text[:place].strip(), line.text[place:].strip()
        if left and right:
            x = round(line.x0 + (line.x1 - line.x0) * place / len(line.text), 1)
            read += [line._replace(text=left, x1=x), line._replace(text=right, x0=x)]
        else:
            read.append(line)
    return read


def _joined(draw: random.Random, lines: list[AnyLine]) -> list[AnyLine]:
    """Some neighbours at one height run together."""
    read: list[AnyLine] = []
    for line in lines:
        last = read[-1] if read else None
        if last and _at_one_height(last, line) and chance(draw, _JOIN_SHARE):
            y0, y1 = min(last.y0, line.y0), max(last.y1, line.y1)
            both = last._replace(text=f"{last.text} {line.text}", y0=y0, x1=line.x1, y1=y1)
            if isinstance(both, SetLine) and isinstance(line, SetLine):
                both = both._replace(parts=both.parts + line.parts)
            read[-1] = both
        else:
            read.append(line)
    return read


def _at_one_height(left: AnyLine, right: AnyLine) -> bool:
    is_after = left.page == right.page and left.x1 <= right.x0
    return is_after and abs(left.y0 - right.y0) < (left.y1 - left.y0) / 2

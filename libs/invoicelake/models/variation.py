"""Training documents as they might also have been printed: lines broken, left out, misread, shifted."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from invoicelake.text.document import Line

_BREAK_SHARE = 0.25
_OMIT_SHARE = 0.1
_MISREAD_SHARE = 0.01
_SHIFT = 0.15
_LEADING = 1.2
_ALIKE = {
    "O": "0D", "I": "1L", "L": "1I", "S": "5", "B": "8", "Z": "2", "E": "F", "M": "N", "N": "M", "U": "V",
    "C": "G", "G": "C",
}  # fmt: skip


def vary(lines: Sequence[Line], values: Iterable[str], draw: random.Random) -> list[Line]:
    """Print a document anew.

    Some lines of several words are broken in two, pushing what is below down; some lines that hold none of
    the values are left out; boxes are shifted a little; some letters are misread. Digits stay as they are,
    lest amounts and dates no longer agree.

    Args:
        lines: of the document.
        values: of its fields; lines that share text with them are kept.
        draw: where chance comes from.
    """
    wanted = [_letters(value) for value in values]
    varied: list[Line] = []
    pushed: dict[int, float] = {}
    for line in sorted(lines, key=lambda one: (one.page, one.y0 + one.y1)):
        is_value = any(
            _letters(line.text) in value or value in _letters(line.text) for value in wanted if value
        )
        if not is_value and draw.random() < _OMIT_SHARE:
            continue
        down = pushed.get(line.page, 0.0)
        moved = line._replace(y0=line.y0 + down, y1=line.y1 + down)
        if draw.random() < _BREAK_SHARE and _is_alone(line, lines) and len(line.text.split()) > 1:
            varied += _broken(moved, draw)
            pushed[line.page] = down + _LEADING * (line.y1 - line.y0)
        else:
            varied.append(moved)
    return [_reread(_shifted(line, draw), draw) for line in varied]


def _is_alone(line: Line, lines: Sequence[Line]) -> bool:
    """Whether nothing stands beside the line, so that breaking it moves nothing out of its row."""
    middle = (line.y0 + line.y1) / 2
    return sum(other.page == line.page and other.y0 < middle < other.y1 for other in lines) <= 1


def _broken(line: Line, draw: random.Random) -> list[Line]:
    words = line.text.split()
    at = draw.randrange(1, len(words))
    first, second = " ".join(words[:at]), " ".join(words[at:])
    width, height = line.x1 - line.x0, line.y1 - line.y0
    down = _LEADING * height
    parts = []
    is_centred = draw.random() < 0.5
    for text, below in ((first, 0.0), (second, down)):
        long = width * len(text) / max(len(line.text), 1)
        x0 = line.x0 + (width - long) / 2 if is_centred else line.x0
        parts.append(Line(text, line.page, x0, line.y0 + below, x0 + long, line.y1 + below))
    return parts


def _shifted(line: Line, draw: random.Random) -> Line:
    reach = _SHIFT * (line.y1 - line.y0)
    across, down = draw.uniform(-reach, reach), draw.uniform(-reach, reach)
    return Line(line.text, line.page, line.x0 + across, line.y0 + down, line.x1 + across, line.y1 + down)


def _reread(line: Line, draw: random.Random) -> Line:
    text = "".join(
        draw.choice(_ALIKE[letter]) if letter in _ALIKE and draw.random() < _MISREAD_SHARE else letter
        for letter in line.text
    )
    return line._replace(text=text)


def _letters(text: str) -> str:
    return "".join(character for character in text.upper() if character.isalnum())

"""Pages of a scored document as the report draws them: image or text, each read field framed.

Positions are in page units; the template scales them.
"""

from __future__ import annotations

import base64
import io
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from invoicelake.evaluation.metrics import Group, Scored, compared
from invoicelake.text.document import Line

MAX_SIDE_PX = 900
MAX_PIXELS = 100_000_000
JPEG_QUALITY = 60
MAX_PAGES = 2
MAX_LINES = 600
MARGIN_SHARE = 0.04
GREY_MODES = ("1", "L", "LA")
SCREEN_WIDTH_PX, SCREEN_HEIGHT_PX = 420, 860


@dataclass(frozen=True)
class FieldRead:
    """A value that the model read, its score in [0, 1], and the numbers of the lines it stands in."""

    value: str
    score: float
    line_numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class ReadDocument:
    """A scored document to draw.

    Attributes:
        document_id: as in the tables.
        group: what the model knew of it.
        lines: as the extractor got them; `FieldRead.line_numbers` count from 0 in this order.
        truths: field name to annotated value.
        predictions: field name to what was read.
        image: of the first page, any format that Pillow reads; None or unreadable: the text is drawn instead.
        scan_width: of the scan that the boxes refer to, in page units; None: they refer to the image itself.
        scan_height: as `scan_width`.
    """

    document_id: str
    group: Group
    lines: Sequence[Line]
    truths: Mapping[str, str]
    predictions: Mapping[str, FieldRead]
    image: bytes | None = None
    scan_width: float | None = None
    scan_height: float | None = None

    def scored(self) -> Scored:
        """The same document as the metrics see it."""
        values = {name: read.value for name, read in self.predictions.items()}
        return Scored(self.document_id, self.group, self.truths, values)


@dataclass(frozen=True)
class Verdict:
    """How a read value compares with its label: a mark, words, and a kind for the style sheet."""

    mark: str
    text: str
    kind: str


RIGHT = Verdict("✓", "right", "right")
VERDICTS = {
    "spaces": Verdict("≈", "right but for spaces", "near"),
    "punctuation": Verdict("≈", "right but for punctuation", "near"),
    "wrong": Verdict("✗", "wrong", "wrong"),
    "unlabelled": Verdict("✗", "has no label", "wrong"),
    "missed": Verdict("○", "missed", "wrong"),
    "nothing": Verdict("\N{EN DASH}", "nothing to read", "none"),
}


@dataclass(frozen=True)
class Frame:
    """A box around a line of a read field; `series` is the number of the field, for its colour."""

    x: float
    y: float
    width: float
    height: float
    series: int
    label: str
    verdict: Verdict


class View(NamedTuple):
    """The part of a page that is drawn, in page units."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """From left to right."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.y1 - self.y0


@dataclass(frozen=True)
class DrawnPage:
    """A page, counted from 0, as `image` (data URL) or `lines`; `unit` page units are one pixel on screen."""

    number: int
    view: View
    unit: float
    image: str | None
    lines: tuple[Line, ...]
    frames: tuple[Frame, ...]


def verdict(document: Scored, field_name: str) -> Verdict:
    """How the read value of a field compares with its label."""
    counts = compared(document, field_name)
    if counts.correct:
        return RIGHT
    if not counts.predicted:
        return VERDICTS["missed" if counts.truth else "nothing"]
    if not counts.truth:
        return VERDICTS["unlabelled"]
    if compared(document, field_name, "nospace").correct:
        return VERDICTS["spaces"]
    return VERDICTS["punctuation" if compared(document, field_name, "alnum").correct else "wrong"]


def differences(expected: str, predicted: str) -> list[tuple[str, bool]]:
    """The predicted text in pieces, each with whether it differs from the expected text."""
    matcher = SequenceMatcher(None, expected, predicted, autojunk=False)
    return [
        (predicted[start:end], kind != "equal")
        for kind, _, _, start, end in matcher.get_opcodes()
        if end > start
    ]


def drawn_pages(document: ReadDocument, fields: Sequence[str]) -> list[DrawnPage]:
    """The first pages that hold a read field, or the first page when there is none."""
    frames = _frames(document, fields)
    numbers = sorted(frames) or [min((line.page for line in document.lines), default=0)]
    return [_drawn(document, number, frames.get(number, [])) for number in numbers[:MAX_PAGES]]


def opened(image: bytes | None) -> Image.Image | None:
    """The decoded image; None when there is none, it cannot be read or has more than `MAX_PIXELS`."""
    try:
        picture = Image.open(io.BytesIO(image or b""))
        if picture.width * picture.height > MAX_PIXELS:
            return None
        return picture.convert("L" if picture.mode in GREY_MODES else "RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        return None


def jpeg_url(picture: Image.Image) -> str:
    """The picture, at most `MAX_SIDE_PX` wide and high, as a JPEG in a data URL."""
    small = picture.copy()
    small.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _frames(document: ReadDocument, fields: Sequence[str]) -> dict[int, list[Frame]]:
    """Frames by page; a line number that the document does not have is left out."""
    frames: dict[int, list[Frame]] = defaultdict(list)
    scored = document.scored()
    for series, name in enumerate(fields):
        read = document.predictions.get(name)
        numbers = read.line_numbers if read else ()
        known = [number for number in numbers if 0 <= number < len(document.lines)]
        for position, number in enumerate(known):
            line = document.lines[number]
            label = "" if position else name
            box = (line.x0, line.y0, line.x1 - line.x0, line.y1 - line.y0)
            frames[line.page].append(Frame(*box, series, label, verdict(scored, name)))
    return frames


def _drawn(document: ReadDocument, number: int, frames: Sequence[Frame]) -> DrawnPage:
    lines = [line for line in document.lines if line.page == number]
    picture = opened(document.image) if number == 0 else None
    if picture:
        view, part = _part(picture, _view(lines), document)
        return DrawnPage(number, view, _unit(view), jpeg_url(part), (), tuple(frames))
    view = _view(lines)
    return DrawnPage(number, view, _unit(view), None, tuple(lines[:MAX_LINES]), tuple(frames))


def _view(lines: Sequence[Line]) -> View:
    """Where the text stands, and a margin: a receipt may lie on a page many times its size."""
    if not lines:
        return View(0.0, 0.0, float(SCREEN_WIDTH_PX), float(SCREEN_WIDTH_PX))
    x0, y0 = min(line.x0 for line in lines), min(line.y0 for line in lines)
    x1, y1 = max(line.x1 for line in lines), max(line.y1 for line in lines)
    margin = max(MARGIN_SHARE * max(x1 - x0, y1 - y0), 1.0)
    return View(x0 - margin, y0 - margin, x1 + margin, y1 + margin)


def _part(picture: Image.Image, view: View, document: ReadDocument) -> tuple[View, Image.Image]:
    """The part of the picture where the text stands; all of it when the text stands elsewhere."""
    width, height = document.scan_width or picture.width, document.scan_height or picture.height
    inside = View(max(view.x0, 0.0), max(view.y0, 0.0), min(view.x1, width), min(view.y1, height))
    if inside.width < 1 or inside.height < 1:
        inside = View(0.0, 0.0, float(width), float(height))
    x, y = picture.width / width, picture.height / height
    return inside, picture.crop(
        (
            math.floor(inside.x0 * x),
            math.floor(inside.y0 * y),
            math.ceil(inside.x1 * x),
            math.ceil(inside.y1 * y),
        )
    )


def _unit(view: View) -> float:
    return max(view.width / SCREEN_WIDTH_PX, view.height / SCREEN_HEIGHT_PX)

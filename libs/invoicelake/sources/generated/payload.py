"""Generated documents as bytes, in the form in which a landing folder would hold them."""

from __future__ import annotations

import json
import math
from typing import Any

from invoicelake.text.document import Document, DocumentRejected, Line, LineItem

_LINE_PARTS = 6
_ITEM_PARTS = ("description", "quantity", "unit_price", "amount")


def to_payload(document: Document) -> tuple[bytes, bytes]:
    """The lines with their boxes, and the labels with the line items, as two UTF-8 JSON objects."""
    page = {"width": document.page_width, "height": document.page_height}
    content = {"page": page, "lines": [list(line) for line in document.lines]}
    items = [
        {**{name: getattr(item, name) for name in _ITEM_PARTS}, "part_lines": dict(item.part_lines)}
        for item in document.line_items
    ]
    annotation = {
        "labels": dict(document.labels),
        "label_lines": document.label_lines,
        "line_items": items,
    }
    return _dumped(content), _dumped(annotation)


def parse(content: bytes, annotation: bytes | None) -> Document:
    """Read what `to_payload` wrote; without an annotation there are no labels.

    Raises:
        DocumentRejected: invalid UTF-8, no JSON of that form, or no lines.
    """
    held = _loaded(content, "content")
    try:
        lines = tuple(_line(parts) for parts in held["lines"])
        width, height = _number(held["page"]["width"]), _number(held["page"]["height"])
    except (KeyError, TypeError, ValueError) as error:
        expected = "JSON with page.width, page.height and lines of [text, page, x0, y0, x1, y1]"
        raise DocumentRejected("content_unreadable", f"expected {expected}, got {error!r}") from error
    if not lines:
        raise DocumentRejected("no_lines", "the content holds no text lines")
    return Document(lines, width, height, *(_annotation(annotation) if annotation is not None else ()))


def _annotation(
    annotation: bytes,
) -> tuple[dict[str, str], tuple[LineItem, ...], dict[str, tuple[int, ...]]]:
    held = _loaded(annotation, "labels")
    try:
        labels = {name: _text(value) for name, value in held["labels"].items()}
        items = tuple(_item(item) for item in held["line_items"])
        places = {name: _numbers(numbers) for name, numbers in held.get("label_lines", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        expected = "JSON with labels and line_items"
        raise DocumentRejected("labels_unreadable", f"expected {expected}, got {error!r}") from error
    return labels, items, places


def _item(parts: Any) -> LineItem:
    lines = {name: _numbers(numbers) for name, numbers in parts.get("part_lines", {}).items()}
    return LineItem(**{name: _optional(parts[name]) for name in _ITEM_PARTS}, part_lines=lines)


def _numbers(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(type(value) is int and value >= 0 for value in values):
        raise ValueError(f"line numbers {str(values)[:80]}")
    return tuple(values)


def _line(parts: Any) -> Line:
    if not isinstance(parts, list) or len(parts) != _LINE_PARTS:
        raise ValueError(f"line {str(parts)[:80]}")
    text, page, *box = parts
    if not isinstance(page, int) or isinstance(page, bool) or page < 0:
        raise ValueError(f"page {page!r}")
    x0, y0, x1, y1 = (_number(value) for value in box)
    return Line(_text(text), page, x0, y0, x1, y1)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"number {value!r}")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text {value!r}")
    return value


def _optional(value: Any) -> str | None:
    return None if value is None else _text(value)


def _loaded(content: bytes, part: str) -> Any:
    try:
        return json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        detail = f"expected UTF-8, but byte {error.start} of the {part} is not"
        raise DocumentRejected("invalid_utf8", detail) from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise DocumentRejected(f"{part}_unreadable", f"expected a JSON object, got {error}") from error


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")

"""Receipts of CORD: their lines, labels, items, and where these stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from invoicelake.sources.cord import parse
from invoicelake.text.document import DocumentRejected, LineItem


def line(category: str, group: int, *words: str, row: int = 0, key: int = 0) -> dict[str, Any]:
    """An annotated line, its words from left to right."""
    boxes = [
        {f"{axis}{corner}": 10 * place if axis == "x" else 20 * row for axis in "xy" for corner in "1234"}
        for place in range(len(words))
    ]
    made = [
        {"text": text, "quad": box, "row_id": row, "is_key": int(place < key)}
        for place, (text, box) in enumerate(zip(words, boxes, strict=True))
    ]
    return {"category": category, "group_id": group, "words": made}


def receipt(lines: list[dict[str, Any]], **parse_of: Any) -> bytes:
    size = {"image_size": {"width": 100, "height": 200}}
    return json.dumps({"valid_line": lines, "meta": size, "gt_parse": parse_of}).encode()


TEA = [line("menu.nm", 3, "GREEN", row=1), line("menu.price", 3, "1,000", row=1)]
TEA[0]["words"] += line("menu.nm", 3, "TEA", row=2)["words"]
SUMS = [line("sub_total.subtotal_price", 4, "SUBTOTAL", "1,000", row=3, key=1)]
SUMS += [line("total.total_price", 5, "TOTAL", "1,000", row=4, key=1)]
MENU = {"nm": "GREEN TEA", "price": "1,000"}
GOOD = receipt(
    [*TEA, *SUMS], menu=MENU, sub_total={"subtotal_price": "1,000"}, total={"total_price": ["1,000"]}
)


def test_a_name_of_two_rows_is_two_lines() -> None:
    assert [each.text for each in parse(GOOD, None).lines] == [
        "GREEN",
        "TEA",
        "1,000",
        "SUBTOTAL 1,000",
        "TOTAL 1,000",
    ]


def test_labels_and_items_say_where_they_stand() -> None:
    found = parse(GOOD, None)
    assert found.labels == {"total": "1,000", "subtotal": "1,000"}
    assert found.label_lines == {"total": (4,), "subtotal": (3,)}
    places = {"description": (0, 1), "amount": (2,)}
    assert found.line_items == (LineItem("GREEN TEA", None, None, "1,000", places),)


def test_where_groups_and_items_differ_in_number_nothing_is_said() -> None:
    found = parse(receipt(TEA, menu=[MENU, MENU]), None)
    assert [item.part_lines for item in found.line_items] == [{}, {}]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", receipt([], menu=[]), receipt([{"category": "x"}])])
def test_what_is_no_receipt_is_rejected(content: bytes) -> None:
    with pytest.raises(DocumentRejected):
        parse(content, None)

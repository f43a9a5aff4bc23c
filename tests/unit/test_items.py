"""Line items: from annotations to classes of tokens, back to items, and how well they are read."""

from __future__ import annotations

import numpy as np
import pytest

from invoicelake.config import Generator
from invoicelake.evaluation.line_items import WHOLE, DocumentItems, item_counts, paired
from invoicelake.models.encoding import IGNORED
from invoicelake.models.item_decoding import ReadItem, read_items
from invoicelake.models.items import ITEM_CLASSES, PARTS, item_classes
from invoicelake.models.read_tokens import ReadTokens
from invoicelake.models.tokens import tokenise
from invoicelake.sources.generated import generate
from invoicelake.text.document import Line, LineItem


def column(*texts: str) -> list[Line]:
    return [Line(text, 0, 0, 20 * k, 10 * len(text), 20 * k + 15) for k, text in enumerate(texts)]


def read_as(lines: list[Line], classes: list[int]) -> list[ReadItem]:
    """What is read where the network is sure of these classes."""
    tokens = tokenise(lines)
    texts = [line.text for line in lines]
    chances = np.eye(ITEM_CLASSES)[classes]
    return read_items(ReadTokens(texts, tokens.lines, tokens.starts, tokens.ends, tokens.rows, chances))


def texts_of(items: list[ReadItem] | tuple[LineItem, ...]) -> list[tuple[str | None, ...]]:
    return [tuple(getattr(item, part) for part in PARTS) for item in items]


@pytest.mark.parametrize("index", range(0, 60, 3))
def test_what_is_annotated_is_read_again(index: int) -> None:
    document = generate(index, 0, Generator(poor_scan_share=0))
    lines = list(document.lines)
    found = read_as(lines, item_classes(lines, document.line_items).tolist())
    assert texts_of(found) == texts_of(document.line_items)


def test_items_without_places_are_not_learnt() -> None:
    lines = column("TEA 1.00")
    assert item_classes(lines, [LineItem("TEA", None, None, "1.00")]).tolist() == [IGNORED] * 2
    assert item_classes(lines, []).tolist() == [IGNORED] * 2


# Classes: 1 description, 3 quantity, 5 unit price, 7 amount; one more where an item begins.
READ = [
    ("one row each", ("TEA 1.00", "BUN 2.00"), [2, 7, 2, 7], [("TEA", "1.00"), ("BUN", "2.00")]),
    ("name over two rows", ("GREEN", "TEA 1.00"), [2, 1, 7], [("GREEN TEA", "1.00")]),
    ("heading and total", ("ITEM SUM", "TEA 1.00", "TOTAL 1.00"), [0, 0, 2, 7, 0, 0], [("TEA", "1.00")]),
    ("with its currency", ("TEA RM 1.00",), [2, 7, 7], [("TEA", "RM 1.00")]),
    ("an amount too many", ("TEA 1.00", "0.00"), [2, 7, 7], [("TEA", "1.00")]),
    ("a quantity alone", ("2", "TEA"), [4, 0], []),
    ("nothing", ("TEA 1.00",), [0, 0], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "classes", "expected"), [case[1:] for case in READ], ids=[c[0] for c in READ]
)
def test_items_from_classes(
    texts: tuple[str, ...], classes: list[int], expected: list[tuple[str, str]]
) -> None:
    found = read_as(column(*texts), classes)
    assert [(item.description, item.amount) for item in found] == expected
    assert all(item.score == 1 for item in found)


def test_of_two_amounts_in_a_row_the_first_is_the_price_of_one() -> None:
    (found,) = read_as(column("2 TEA 1.00 2.00"), [4, 1, 7, 7])
    assert texts_of([found]) == [("TEA", "2", "1.00", "2.00")]
    assert found.line_numbers == (0,)


def item(description: str, amount: str | None = None) -> dict[str, str | None]:
    return {"description": description, "amount": amount}


TEA, BUN, PIE = item("TEA", "1.00"), item("BUN", "2.00"), item("PIE", "3.00")
SCORED = [
    # why, annotated, read, right descriptions, amounts, whole items
    ("all", [TEA, BUN], [TEA, BUN], 2, 2, 2),
    ("the first is missing", [TEA, BUN, PIE], [BUN, PIE], 2, 2, 2),
    ("one too many", [TEA], [BUN, TEA], 1, 1, 1),
    ("an amount is wrong", [TEA, BUN], [TEA, item("BUN", "9.00")], 2, 1, 1),
    ("a name is wrong", [TEA, BUN], [item("TEE", "1.00"), BUN], 1, 2, 1),
    ("amounts swapped", [TEA, BUN], [item("TEA", "2.00"), item("BUN", "1.00")], 2, 0, 0),
    ("twice the same, read once", [TEA, TEA], [TEA], 1, 1, 1),
    ("an amount that is not there", [item("TEA")], [TEA], 1, 0, 0),
    ("nothing read", [TEA], [], 0, 0, 0),
    ("nothing there", [], [TEA], 0, 0, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("truths", "read", "names", "amounts", "whole"), [c[1:] for c in SCORED], ids=[c[0] for c in SCORED]
)
def test_items_are_paired_before_they_are_scored(
    truths: list[dict[str, str | None]],
    read: list[dict[str, str | None]],
    names: int,
    amounts: int,
    whole: int,
) -> None:
    counts = item_counts([DocumentItems(truths, read)])
    assert (counts["description"].correct, counts["amount"].correct, counts[WHOLE].correct) == (
        names,
        amounts,
        whole,
    )
    assert (counts[WHOLE].predicted, counts[WHOLE].truth) == (len(read), len(truths))


def test_white_space_counts_only_in_exact_comparison() -> None:
    documents = [DocumentItems([item("GREEN TEA")], [item("GREENTEA")])]
    assert item_counts(documents, "exact")["description"].correct == 0
    assert item_counts(documents, "nospace")["description"].correct == 1
    assert paired([TEA], [item("COFFEE")], "exact") == [(0, 0)]

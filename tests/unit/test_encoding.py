from __future__ import annotations

import itertools

import numpy as np
import pytest

from invoicelake import config
from invoicelake.models.encoding import Vocabulary, build_vocabulary, encode, tensor_specs, word_key
from invoicelake.models.tokens import reading_rows, tokenise
from invoicelake.text.document import Line

SETTINGS = config.Encoding(max_tokens=16, max_characters=8, vocabulary_size=3, min_documents=2)
VOCABULARY = Vocabulary(("TOTAL", "00.00"))
RECEIPT = [
    Line("12.00", 0, 400, 202, 440, 214),
    Line("TOTAL:", 0, 10, 200, 90, 215),
    Line("BAKERY LTD", 0, 100, 10, 300, 25),
]


def words(text: str) -> list[str]:
    return tokenise([Line(text, 0, 0, 0, 100, 10)]).texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TOTAL  12.00 ", ["TOTAL", "12.00"]),
        ("TOTAL:RM12.00", ["TOTAL:", "RM", "12.00"]),
        ("€1.234,50", ["€", "1.234,50"]),
        ("12,00€ 5%", ["12,00", "€", "5%"]),
        ("SDN BHD(123-X)", ["SDN", "BHD", "(123-X)"]),
        ("8:13:39 PM", ["8:13:39", "PM"]),
        ("NO:28", ["NO:", "28"]),
        ("ABC4", ["ABC4"]),
        ("合計 ¥500", ["合計", "¥500"]),
        ("::", ["::"]),
        ("   ", []),
    ],
)
def test_words_of_a_line(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_tokens_keep_their_place_in_the_line() -> None:
    tokens = tokenise(RECEIPT)
    cut = [RECEIPT[n].text[a:b] for n, a, b in zip(tokens.lines, tokens.starts, tokens.ends, strict=True)]
    assert cut == tokens.texts == ["BAKERY", "LTD", "TOTAL:", "12.00"]
    assert tokens.rows.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("why", "boxes", "expected"),
    [
        ("one above the other", [(0, 0, 20, 50, 30), (0, 0, 0, 50, 10)], [[1], [0]]),
        ("side by side, a little askew", [(0, 60, 3, 90, 13), (0, 0, 0, 50, 10)], [[1, 0]]),
        ("over one another", [(0, 0, 0, 50, 10), (0, 10, 1, 60, 11)], [[0], [1]]),
        ("on two pages", [(1, 0, 0, 50, 10), (0, 60, 0, 90, 10)], [[1], [0]]),
        ("no size", [(0, 0, 0, 0, 0), (0, 0, 0, 0, 0)], [[0], [1]]),
    ],
)
def test_rows(why: str, boxes: list[tuple[float, ...]], expected: list[list[int]]) -> None:
    assert reading_rows([Line("x", int(box[0]), *box[1:]) for box in boxes]) == expected, why


@pytest.mark.parametrize(
    ("text", "key"),
    [("Total:", "TOTAL"), ("12.00", "00.00"), ("(M)", "M"), ("***", ""), ("Straße", "STRASSE")],
)
def test_word_key(text: str, key: str) -> None:
    assert word_key(text) == key


def test_vocabulary_keeps_frequent_words_in_a_fixed_order() -> None:
    counts = [("RARE", 1), ("B", 5), ("A", 5), ("MOST", 9), ("LEAST", 2), ("", 99)]
    vocabulary = build_vocabulary(counts, SETTINGS)
    assert vocabulary.words == ("MOST", "A", "B")
    assert vocabulary == build_vocabulary(reversed(counts), SETTINGS)
    assert vocabulary.numbers(["most", "b:", "other"]) == [2, 4, 1]
    assert vocabulary.size == 5


def test_vocabulary_survives_json() -> None:
    again = Vocabulary.from_json(VOCABULARY.to_json())
    assert again == VOCABULARY
    assert again.identifier == VOCABULARY.identifier
    assert again.identifier != Vocabulary(("TOTAL",)).identifier


def test_inputs_have_the_declared_types_and_shapes() -> None:
    (window,) = encode(RECEIPT, VOCABULARY, SETTINGS)
    declared = {spec.name: (np.dtype(spec.dtype), spec.shape) for spec in tensor_specs(SETTINGS)[:-1]}
    assert {name: (array.dtype, array.shape) for name, array in window.inputs.items()} == declared
    assert window.inputs["words"].tolist() == [1, 1, 2, 3] + [0] * 12
    assert window.inputs["rows"].tolist() == [1, 1, 2, 2] + [0] * 12
    assert bytes(window.inputs["characters"][3]).rstrip(b"\0") == b"12.00"


def test_scale_and_place_of_the_scan_do_not_matter() -> None:
    moved = [Line(t, p, *(7 * value + 50 for value in box)) for t, p, *box in RECEIPT]
    for name, array in encode(moved, VOCABULARY, SETTINGS)[0].inputs.items():
        np.testing.assert_allclose(array, encode(RECEIPT, VOCABULARY, SETTINGS)[0].inputs[name], rtol=2e-3)


def test_long_document_gives_overlapping_windows_that_hold_every_token() -> None:
    lines = [Line(f"a{k} b c", 0, 0, 20 * k, 100, 20 * k + 15) for k in range(20)]
    windows = encode(lines, VOCABULARY, SETTINGS)
    held = [set(range(window.first, window.first + len(window.lines))) for window in windows]
    assert set().union(*held) == set(range(60))
    assert all(before & after for before, after in itertools.pairwise(held))
    assert all(len(window.lines) == 16 for window in windows)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Line("   ", 0, 0, 0, 1, 1)],
        [Line("one", 0, 5, 5, 5, 5)],
        [Line("minus", 0, -10, -20, -30, -40)] * 3,
        [Line("سعر المجموع", 0, 0, 0, 10, 10), Line("合計 ¥500", 0, 0, 20, 10, 30)],
        [Line("9" * 500, 0, 0, 0, 1e9, 1e9)],
        [Line("1.00", 0, float("nan"), 0, float("inf"), 10), Line("x", 0, 0, 20, 10, 30)],
        [Line("1.00", 0, -1e300, 0, 1e300, 10)],
        [Line("😀 x\u0000y", 0, float(10**6), 0, 1, 1)],
    ],
)
def test_odd_input_gives_finite_tensors(lines: list[Line]) -> None:
    for window in encode(lines, VOCABULARY, SETTINGS):
        assert all(np.isfinite(array.astype(np.float64)).all() for array in window.inputs.values())
    assert bool(encode(lines, VOCABULARY, SETTINGS)) == any(line.text.strip() for line in lines)

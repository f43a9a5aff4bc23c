"""Documents as no supplier should print them: read without a crash, and nothing of them with confidence."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest

from bad_texts import BAD, USUAL
from invoicelake import config
from invoicelake.models.decoding import Prediction, decode
from invoicelake.models.encoding import Vocabulary, Window, encode
from invoicelake.text.document import Line
from invoicelake.trust.shift import is_unlike

FIELDS = tuple(
    config.Field(name=name, kind=kind)
    for name, kind in (("company", "text"), ("date", "date"), ("address", "text"), ("total", "amount"))
)
SETTINGS = config.Encoding(max_tokens=64)


def _read(lines: list[Line], seed: int = 0, expected: Collection[str] = ()) -> list[Prediction]:
    """What the decoder makes of chances drawn at random."""
    draw = np.random.default_rng(seed)
    windows = encode(lines, Vocabulary(("ACME", "TOTAL")), SETTINGS)
    chances = [
        draw.dirichlet([0.2] * (1 + len(FIELDS)), size=SETTINGS.max_tokens).astype(np.float32)
        for _ in windows
    ]
    assert all(np.isfinite(value).all() for window in windows for value in window.inputs.values())
    return decode(lines, windows, chances, FIELDS, expected=expected)


@pytest.mark.parametrize("expected", [(), ("company", "total")], ids=["as it is", "expected"])
@pytest.mark.parametrize("name", BAD)
def test_what_is_read_stands_in_the_text(name: str, expected: Collection[str]) -> None:
    lines = BAD[name]
    for read in _read(lines, expected=expected):
        assert 0 <= read.score <= 1
        assert read.value.strip()
        assert set(read.line_numbers) <= set(range(len(lines)))
        on_its_lines = "".join("".join(lines[number].text.split()) for number in read.line_numbers)
        assert all(part in on_its_lines for part in read.value.split())


@pytest.mark.parametrize("name", ["no lines", "empty text"])
def test_nothing_is_read_where_nothing_stands(name: str) -> None:
    assert _read(BAD[name]) == []


@pytest.mark.parametrize("name", [name for name in BAD if name not in ("no lines", "empty text")])
def test_a_guess_at_what_is_expected_is_not_confident(name: str) -> None:
    lines = BAD[name]
    windows = encode(lines, Vocabulary(()), SETTINGS)
    unlikely = [np.full((SETTINGS.max_tokens, 1 + len(FIELDS)), 1e-3, dtype=np.float32)] * len(windows)
    assert not decode(lines, windows, unlikely, FIELDS[:1])
    (company,) = decode(lines, windows, unlikely, FIELDS[:1], expected={"company"})
    assert company.score < 0.01


@pytest.mark.parametrize("name", ["right to left", "Chinese"])
def test_text_of_another_language_is_told_from_what_was_held_out(name: str) -> None:
    known = Vocabulary(("ACME", "BOOKS", "00", "HIGH", "ROAD", "00/00/0000", "TOTAL", "0.00"))
    held_out = [known.unknown_share(line.text for line in USUAL for _ in line.text.split())] * 200
    words = [word for line in BAD[name] for word in line.text.split()]
    assert is_unlike(known.unknown_share(words), sorted(held_out), 0.01)


@pytest.mark.parametrize("name", ["each line twice", "one line"])
def test_a_line_twice_is_one_value(name: str) -> None:
    lines = BAD[name]
    windows = encode(lines, Vocabulary(()), SETTINGS)
    chances = np.full((SETTINGS.max_tokens, 1 + len(FIELDS)), 1e-3, dtype=np.float32)
    is_amount = [lines[number].text[start:end] == "9.00" for number, start, end in _places(windows[0])]
    chances[: len(is_amount), -1][is_amount] = 0.9
    total = next(read for read in decode(lines, windows, [chances], FIELDS) if read.field == "total")
    assert total.value == "9.00"
    assert len(total.line_numbers) == sum(is_amount)


def _places(window: Window) -> list[tuple[int, int, int]]:
    return list(zip(window.lines.tolist(), window.starts.tolist(), window.ends.tolist(), strict=True))

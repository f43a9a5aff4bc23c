"""Documents as no supplier should print them: read without a crash, and nothing of them with confidence."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest

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


def stacked(*texts: str) -> list[Line]:
    return [
        Line(text, 0, 10, 20 * number, 10 + 8 * len(text), 20 * number + 15)
        for number, text in enumerate(texts)
    ]


USUAL = stacked("ACME BOOKS", "12 HIGH ROAD", "25/12/2018", "TOTAL 9.00")
BAD = {
    "no lines": [],
    "empty text": stacked("", " ", "\u200b", "\t"),
    "one line": stacked("TOTAL 9.00"),
    "one character": stacked("9"),
    "5,000 lines": stacked(*(f"ITEM {number} {number % 90}.50" for number in range(5000))),
    "one line of 20,000 characters": stacked("9.00 " * 4000),
    "right to left": stacked("فاتورة ضريبية", "التاريخ ٢٠٢٤/٠٣/٠٤", "المجموع ٣٤٥٫٠٠ ر.س", "חשבונית מס 12.50"),  # noqa: RUF001
    "Chinese": stacked("增值税发票", "日期 2024年3月4日", "合计 ¥１２３．００", "总金额: 一百二十三元整"),  # noqa: RUF001
    "controls and half characters": stacked("TO\x00TAL \x1b[0m9.00", "\ud800 25/12/2018", "🧾 9.00"),
    "boxes without a size": [line._replace(x1=line.x0, y1=line.y0) for line in USUAL],
    "boxes turned over": [line._replace(x1=-line.x1, y1=-line.y1) for line in USUAL],
    "boxes outside of the page": [line._replace(x0=-1e9, x1=1e9) for line in USUAL],
    "all boxes alike": [line._replace(x0=0.0, y0=0.0, x1=0.0, y1=0.0) for line in USUAL],
    "each line twice": [line for line in USUAL for _ in range(2)],
    "pages that are not there": [line._replace(page=7 * number) for number, line in enumerate(USUAL)],
}


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

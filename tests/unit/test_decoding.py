from __future__ import annotations

import numpy as np
import pytest

from invoicelake import config
from invoicelake.models.decoding import Prediction, decode
from invoicelake.models.encoding import Vocabulary, encode
from invoicelake.models.labelling import label
from invoicelake.text.document import Line

FIELDS = tuple(
    config.Field(name=name, kind=kind)
    for name, kind in (("company", "text"), ("date", "date"), ("address", "text"), ("total", "amount"))
)
SETTINGS = config.Encoding(max_tokens=12)
RECEIPT = [
    Line(text, 0, 0, 20 * k, 10 * len(text), 20 * k + 15)
    for k, text in enumerate(
        (
            "ACME BOOKS SDN BHD(12345-X)",
            "NO. 5 & 7, JALAN SAGU,",
            "81100 JOHOR  BAHRU",
            "DATE: 25/12/2018 8:13",
            "PENCIL 9.00",
            "TOTAL RM 9.00",
            "CASH 10.00",
            "SINCE 01/02/1990",
        )
    )
]


def predicted(chances: dict[str, dict[str, float]]) -> dict[str, tuple[str, float]]:
    """Value and score by field."""
    return {name: (found.value, found.score) for name, found in read(chances).items()}


def read(chances: dict[str, dict[str, float]]) -> dict[str, Prediction]:
    """Decode with the given probability on the tokens of a part of a line, by field and `text@line`."""
    windows = encode(RECEIPT, Vocabulary(()), SETTINGS)
    probabilities = []
    for window in windows:
        table = np.full((SETTINGS.max_tokens, 1 + len(FIELDS)), 1e-3, dtype=np.float32)
        for number, field in enumerate(FIELDS, start=1):
            for place, chance in chances.get(field.name, {}).items():
                text, _, line = place.rpartition("@")
                start = RECEIPT[int(line)].text.index(text)
                inside = (
                    (window.starts >= start)
                    & (window.ends <= start + len(text))
                    & (window.lines == int(line))
                )
                table[: len(inside)][inside, number] = chance
        probabilities.append(table)
    return {found.field: found for found in decode(RECEIPT, windows, probabilities, FIELDS)}


@pytest.mark.parametrize(
    ("why", "field", "chances", "expected"),
    [
        ("part of a line", "company", {"ACME BOOKS SDN BHD@0": 0.9}, "ACME BOOKS SDN BHD"),
        (
            "lines are joined by a space, marks stay",
            "address",
            {"NO. 5 & 7, JALAN SAGU,@1": 0.9, "81100 JOHOR  BAHRU@2": 0.8},
            "NO. 5 & 7, JALAN SAGU, 81100 JOHOR BAHRU",
        ),
        (
            "a doubtful word inside is taken along",
            "address",
            {"NO. 5 & 7, JALAN SAGU,@1": 0.9, "&@1": 0.3},
            "NO. 5 & 7, JALAN SAGU,",
        ),
        (
            "of two places the surer one",
            "company",
            {"ACME BOOKS@0": 0.9, "SINCE@7": 0.7},
            "ACME BOOKS",
        ),
        ("date without its time", "date", {"25/12/2018 8:13@3": 0.9}, "25/12/2018"),
        ("date rather than the likelier word", "date", {"DATE:@3": 0.99, "01/02/1990@7": 0.6}, "01/02/1990"),
        ("support of two equal amounts", "total", {"9.00@4": 0.4, "9.00@5": 0.5, "10.00@6": 0.6}, "9.00"),
        ("with its currency", "total", {"RM 9.00@5": 0.995}, "RM 9.00"),
        ("without its currency", "total", {"9.00@5": 0.9, "RM@5": 0.2}, "9.00"),
    ],
)
def test_value(why: str, field: str, chances: dict[str, float], expected: str) -> None:
    found = predicted({field: chances})
    assert found[field][0] == expected, why
    assert 0.2 < found[field][1] <= 1
    assert set(found) == {field}


def test_nothing_likely_gives_no_prediction() -> None:
    assert predicted({}) == {}
    assert predicted({"total": {"9.00@5": 0.1}, "company": {"ACME BOOKS@0": 0.3}}) == {}


def test_surer_tokens_give_a_higher_score() -> None:
    scores = [predicted({"total": {"10.00@6": chance}})["total"][1] for chance in (0.3, 0.6, 0.9)]
    assert scores == sorted(scores)
    assert len(set(scores)) == 3


def test_lines_of_the_value() -> None:
    windows = encode(RECEIPT, Vocabulary(()), SETTINGS)
    labels = {
        "address": "NO. 5 & 7, JALAN SAGU, 81100 JOHOR BAHRU",
        "total": "9.00",
        "company": "ACME BOOKS SDN BHD",
    }
    targets = label(RECEIPT, windows, labels, FIELDS, SETTINGS)
    certain = [np.eye(256, 5, dtype=np.float32)[target[:, 0]] for target in targets]
    found = {one.field: one for one in decode(RECEIPT, windows, certain, FIELDS)}
    assert {name: one.value for name, one in found.items()} == labels
    assert {name: one.line_numbers for name, one in found.items()} == {
        "address": (1, 2),
        "total": (4, 5),
        "company": (0,),
    }


@pytest.mark.parametrize(
    ("kind", "text", "likely", "expected"),
    [
        ("identifier", "Invoice No.: #4711.", "#4711.", "4711"),
        ("identifier", "VAT GB 123 4567 89 REG", "GB 123 4567 89", "GB 123 4567 89"),
        ("identifier", "IBAN DE89 3704 0044", "DE89 3704 0044", "DE89 3704 0044"),
        ("identifier", "NUMBER MISSING", "MISSING", None),
        ("currency", "TOTAL CHF 12.00", "CHF", "CHF"),
        ("currency", "SUMME €12.00", "€", "€"),
        ("currency", "TOTAL 12.00", "12.00", None),
        ("percentage", "MwSt. 8,25 % 4.00", "8,25", "8,25"),
        ("percentage", "MwSt. 19%", "19%", "19"),
    ],
)  # fmt: skip
def test_other_kinds(kind: config.FieldKind, text: str, likely: str, expected: str | None) -> None:
    lines = [Line(text, 0, 0, 0, 100, 10)]
    (window,) = encode(lines, Vocabulary(()), SETTINGS)
    start = text.index(likely)
    inside = (window.starts >= start) & (window.ends <= start + len(likely))
    table = np.full((SETTINGS.max_tokens, 2), 1e-3, dtype=np.float32)
    table[: len(inside)][inside, 1] = 0.9
    found = decode(lines, [window], [table], (config.Field(name="it", kind=kind),))
    assert [each.value for each in found] == ([expected] if expected else [])


def test_document_without_words() -> None:
    assert decode([], [], [], FIELDS) == []


ALTERNATIVES = [
    # field, chances, the likeliest alternative
    ("total", {"9.00@5": 0.6, "10.00@6": 0.5}, "10.00"),
    ("total", {"10.00@6": 0.9, "9.00@5": 0.3}, "9.00"),
    ("date", {"25/12/2018@3": 0.7, "01/02/1990@7": 0.6}, "01/02/1990"),
    ("company", {"ACME BOOKS SDN BHD@0": 0.9, "SINCE@7": 0.99}, "SINCE"),
    ("company", {"ACME BOOKS SDN BHD@0": 0.9}, None),
]


@pytest.mark.parametrize(("field", "chances", "expected"), ALTERNATIVES)
def test_alternatives_are_less_likely_and_other_values(
    field: str, chances: dict[str, float], expected: str | None
) -> None:
    found = read({field: chances})[field]
    assert next((other.value for other in found.alternatives), None) == expected
    assert found.value not in {other.value for other in found.alternatives}
    scores = [found.score, *(other.score for other in found.alternatives)]
    if field != "company":
        assert scores == sorted(scores, reverse=True)

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.encoding import IGNORED, Vocabulary, encode
from invoicelake.models.labelling import label, token_classes
from invoicelake.models.tokens import tokenise
from invoicelake.text.document import Line

FIELDS = tuple(
    config.Field(name=name, kind=kind)
    for name, kind in (("company", "text"), ("date", "date"), ("address", "text"), ("total", "amount"))
)


def column(*texts: str) -> list[Line]:
    return [Line(text, 0, 0, 20 * k, 10 * len(text), 20 * k + 15) for k, text in enumerate(texts)]


RECEIPT = column(
    "BOOK TA .K(TAMAN) SDN BHD",
    "NO. 5 & 7, JALAN SAGU,",
    "81100 JOHOR BAHRU",
    "DATE: 25/12/2018 8:13",
    "PENCIL 9.00",
    "TOTAL RM9.00",
    "CASH 10.00",
)


@pytest.mark.parametrize(
    ("why", "field", "value", "expected"),
    [
        ("part of a line", "company", "BOOK TA .K", "BOOK TA .K"),
        ("spaces differ", "company", "BOOK TA. K (TAMAN) SDN BHD", "BOOK TA .K (TAMAN) SDN BHD"),
        ("misread letter", "company", "BOOK TA .K(TAMAN) SDN BND", "BOOK TA .K (TAMAN) SDN BHD"),
        ("two lines, & alone", "address", "NO.5 & 7 JALAN SAGU 81100", "NO. 5 & 7, JALAN SAGU, 81100"),
        ("date with a time beside it", "date", "25/12/2018", "25/12/2018"),
        ("date written otherwise", "date", "25 DEC 2018", "25/12/2018"),
        ("every like amount", "total", "9.00", "9.00 9.00"),
        ("with its currency", "total", "RM9.00", "RM 9.00"),
        ("amount written otherwise", "total", "10.0", "10.00"),
        ("not in the text", "company", "SOMEBODY ELSE ALTOGETHER", ""),
        ("empty", "total", " ", ""),
        ("no letters", "company", "...", ""),
    ],
)  # fmt: skip
def test_tokens_of_a_value(why: str, field: str, value: str, expected: str) -> None:
    classes = token_classes(RECEIPT, {field: value}, FIELDS)
    number = [f.name for f in FIELDS].index(field) + 1
    texts = tokenise(RECEIPT).texts
    assert " ".join(text for text, c in zip(texts, classes, strict=True) if c == number) == expected, why
    assert set(classes.tolist()) <= {0, number}


def test_value_in_one_of_two_columns() -> None:
    left = [
        Line(text, 0, 0, 20 * k, 90, 20 * k + 15) for k, text in enumerate(("ACME", "HIGH ST 5", "LONDON"))
    ]
    right = [
        Line(text, 0, 200, 20 * k, 290, 20 * k + 15) for k, text in enumerate(("INVOICE", "NO 7", "PAGE 1"))
    ]
    lines = [line for pair in zip(left, right, strict=True) for line in pair]
    classes = token_classes(lines, {"address": "High St 5, London"}, FIELDS)
    texts = tokenise(lines).texts
    assert [text for text, c in zip(texts, classes, strict=True) if c == 3] == ["HIGH", "ST", "5", "LONDON"]


def test_windows_get_the_classes_of_their_tokens() -> None:
    settings = config.Encoding(max_tokens=8)
    windows = encode(RECEIPT, Vocabulary(()), settings)
    targets = label(RECEIPT, windows, {"total": "10.00"}, FIELDS, settings)
    whole = token_classes(RECEIPT, {"total": "10.00"}, FIELDS)
    assert len(windows) > 1
    for window, target in zip(windows, targets, strict=True):
        size = len(window.lines)
        assert target[:size, 0].tolist() == whole[window.first : window.first + size].tolist()
        assert (target[size:] == IGNORED).all()
        assert (target[:, 1] == IGNORED).all()


def words_of(lines: list[Line], classes: NDArray[np.uint8], number: int) -> str:
    return " ".join(text for text, c in zip(tokenise(lines).texts, classes, strict=True) if c == number)


@pytest.mark.parametrize(
    ("kind", "value", "texts", "expected"),
    [
        ("currency", "EUR", ("Betrag EUR", "12,00 EUR", "Europa"), "EUR EUR"),
        ("currency", "€", ("Summe EUR 12,00",), "EUR"),
        ("currency", "Fr.", ("Fr. 12.00", "Freitag"), "Fr."),
        ("currency", "Rp", ("TOTAL Rp45.000",), "Rp"),
        ("currency", "?", ("TOTAL 12.00",), ""),
        ("percentage", "8,25", ("VAT 8.25 %", "18.25%"), "8.25"),
        ("percentage", "19", ("MwSt. 19%", "19,00"), "19%"),
        ("percentage", "none", ("MwSt. 19%",), ""),
        ("identifier", "4711", ("Tel 0471 1234", "No.: 4711", "04711"), "4711"),
        ("identifier", "DE12 3456", ("DE 12 34 56", "DE12", "3456"), "DE 12 34 56"),
        ("identifier", "12-34", ("12/34", "12/345"), "12/34"),
        ("identifier", "--", ("--",), ""),
    ],
)  # fmt: skip
def test_tokens_of_other_kinds(
    kind: config.FieldKind, value: str, texts: tuple[str, ...], expected: str
) -> None:
    lines = column(*texts)
    classes = token_classes(lines, {"it": value}, (config.Field(name="it", kind=kind),))
    assert words_of(lines, classes, 1) == expected


def test_a_value_that_is_printed_twice_is_where_annotators_said() -> None:
    lines = column("SUBTOTAL 9.00", "TOTAL 9.00", "CASH 9.00")
    fields = (config.Field(name="total", kind="amount"), config.Field(name="cash", kind="amount"))
    classes = token_classes(lines, {"total": "9.00", "cash": "9.00"}, fields, {"total": [1], "cash": [2]})
    assert classes.tolist() == [0, 0, 0, 1, 0, 2]


def test_no_tokens() -> None:
    assert token_classes([], {"total": "1.00"}, FIELDS).tolist() == []

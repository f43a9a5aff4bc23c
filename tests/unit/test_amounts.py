from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from invoicelake.text.amounts import (
    currency_code,
    currency_exponent,
    find_amounts,
    find_currencies,
    find_sums,
    minor_units,
)

FOUND = [
    # line                              spans
    ("TOTAL 9.00", ["9.00"]),
    ("RM9.00", ["9.00", "RM9.00"]),
    ("TOTAL AMOUNT:$ 8.20", ["8.20", "$ 8.20"]),
    ("1,234.50", ["1,234.50"]),
    ("Gesamt 1.234,50 EUR", ["1.234,50", "1.234,50 EUR"]),
    ("1 234,50 €", ["1 234,50", "1 234,50 €"]),
    ("CHF 1'234.50", ["1'234.50", "CHF 1'234.50"]),
    ("Fr. 12.-", ["12.-", "Fr. 12.-"]),
    ("-1.73", ["-1.73"]),
    ("-12,00 €", ["-12,00", "-12,00 €"]),
    ("-RM5.00", ["5.00", "-RM5.00"]),
    ("12,00-", ["12,00-"]),
    ("(12.00)", ["12.00", "(12.00)"]),
    ("2 x 16,500 33,000", ["16,500", "33,000"]),
    ("Rp 45.500", ["45.500", "Rp 45.500"]),
    ("Rp45000", ["45000", "Rp45000"]),
    ("45000", ["45000"]),
    ("9 .00", ["9 .00"]),
    ("9.00SR", ["9.00"]),
    ("T0TAL9.00", ["9.00"]),
    ("2 9.00 18.00", ["9.00", "18.00"]),
    ("RM 1 234.5", ["1 234.5", "RM 1 234.5"]),
    ("1 234.50", ["234.50"]),
    ("Discount (RM 5.00)", ["5.00", "(RM 5.00)"]),
    ("TOTAL (RM) 5.00", ["5.00"]),
    ("(RM 5.00 off", ["5.00", "RM 5.00"]),
    ("RM 1,234 .50", ["1,234 .50", "RM 1,234 .50"]),
    ("GST 6.00%", []),
    ("MwSt. 19 %", []),
    ("25.12.2018", []),
    ("25/12/2018 14:33", []),
    ("81100 JOHOR BAHRU", []),
    ("FORM 13", []),
    ("no number", []),
    ("", []),
]


@pytest.mark.parametrize(("line", "expected"), FOUND)
def test_find_amounts(line: str, expected: list[str]) -> None:
    found = find_amounts(line)
    assert [match.text for match in found] == expected
    assert all(line[match.start : match.end] == match.text for match in found)


VALUES = [
    # text              exponent  mark   minor units
    ("1.234,50", 2, None, 123450),
    ("1,234.50", 2, None, 123450),
    ("1 234,50 €", 2, None, 123450),
    ("1'234.50", 2, None, 123450),
    ("1.234.567", 2, None, 123456700),
    ("RM 9.00", 2, None, 900),
    ("$8.2", 2, None, 820),
    (".50", 2, None, 50),
    ("12.-", 2, None, 1200),
    ("12,–", 2, None, 1200),  # noqa: RUF001
    ("-12,00", 2, None, -1200),
    ("- 12,00", 2, None, -1200),
    ("12,00-", 2, None, -1200),
    ("(12.00)", 2, None, -1200),
    ("-RM5.00", 2, None, -500),
    ("€ -5,00", 2, None, -500),
    ("16,500", 2, None, 1650000),
    ("16,500", 0, None, 16500),
    ("16,500", 3, None, 16500),
    ("16,500", 2, ",", 1650),
    ("0.500", 2, None, 50),
    ("1234.500", 2, None, 123450),
    ("1.234", 2, ".", 123),
    ("1.235", 2, ".", 124),
    ("45.500", 2, ",", 4550000),
    ("500", 2, None, 50000),
    ("TOTAL 500", 2, None, None),
    ("9. 00", 2, None, 900),
    ("25/12/2018", 2, None, None),
    ("none", 2, None, None),
    ("1.234,50-", 2, None, -123450),
    ("RM 1 234.5", 2, None, 123450),
    ("1 234.50", 2, None, 123450),
    ("1 234 567.8", 2, None, 123456780),
    ("2 x 1 234.50", 2, None, 23450),
    ("(RM 12.00)", 2, None, -1200),
    ("(RM 12.00", 2, None, 1200),
    ("RM(12.00)", 2, None, -1200),
    ("1.234 ,50", 2, None, 123450),
    ("1" + ",000" * 50, 2, None, None),
    ("999,999,999,999,999.99", 2, None, 99999999999999999),
    ("9,999,999,999,999,999.99", 2, None, None),
    ("9" * 400 + ".00", 2, None, None),
    ("٣٤.٥٠", 2, None, 3450),  # noqa: RUF001
    ("一二三", 2, None, None),
    ("", 2, None, None),
]


@pytest.mark.parametrize(("text", "exponent", "mark", "expected"), VALUES)
def test_minor_units(text: str, exponent: int, mark: str | None, expected: int | None) -> None:
    assert minor_units(text, exponent, mark) == expected


CODES = [
    ("RM9.00", "MYR"),
    ("rm 9.00", "MYR"),
    ("$8.20", "USD"),
    ("S$8.20", "SGD"),
    ("9,00 €", "EUR"),
    ("£1", "GBP"),
    ("Rp. 45.000", "IDR"),
    ("Fr. 12.-", "CHF"),
    ("12.00 chf", "CHF"),
    ("120,00 kr.", "SEK"),
    ("Total (EUR)", "EUR"),
    ("FORM 9.00", None),
    ("9.00", None),
    ("9.00 le\u0131", None),  # a dotless i, which the pattern takes for an i
]


@pytest.mark.parametrize(("text", "expected"), CODES)
def test_currency_code(text: str, expected: str | None) -> None:
    assert currency_code(text) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("CHANGE: 0", ["0"]),
        ("TAX AMT 727", ["727"]),
        ("CHANGE=0 ", ["0"]),
        ("5 ITEMS 12.00", ["12.00"]),
        ("ITEM X12", []),
        ("5 ITEMS", []),
        ("TEL 012-3456789", []),
        ("NO 123456789012", []),
    ],
)
def test_a_whole_number_that_closes_a_line_may_be_a_sum(line: str, expected: list[str]) -> None:
    found = find_sums(line)
    assert [match.text for match in found] == expected
    assert all(line[match.start : match.end] == match.text for match in found)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Betrag CHF", ["CHF"]),
        ("EUR 12,00 (USD 13.00)", ["EUR", "USD"]),
        ("Rp45.000", ["Rp"]),
        ("12,00€", ["€"]),
        ("Fr. 12.00", ["Fr."]),
        ("Freitag, Rmx", []),
    ],
)
def test_find_currencies(line: str, expected: list[str]) -> None:
    assert [match.text for match in find_currencies(line)] == expected


@pytest.mark.parametrize(("currency", "exponent"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("QQQ", 2)])
def test_currency_exponent(currency: str, exponent: int) -> None:
    assert currency_exponent(currency) == exponent


@pytest.mark.timeout(10)
@pytest.mark.parametrize("part", ["1", "1,", "1.1", "- ", "1 ", "RM", "(", "1,234 ", "$-"])
def test_long_lines_take_linear_time(part: str) -> None:
    assert isinstance(find_amounts(part * 20_000), list)


@given(st.integers(min_value=0, max_value=10**11), st.sampled_from([",.", ".,", "',", " ,"]), st.booleans())
def test_amounts_survive_printing(minor: int, marks: str, negative: bool) -> None:
    group, decimal = marks
    printed = f"{minor // 100:,}".replace(",", group) + decimal + f"{minor % 100:02d}"
    printed = f"-{printed}" if negative else printed
    assert [match.text for match in find_amounts(printed)] == [printed]
    assert minor_units(printed) == (-minor if negative else minor)


@given(st.text(max_size=60))
def test_any_text_is_taken(text: str) -> None:
    for match in find_amounts(text):
        assert text[match.start : match.end] == match.text
        assert minor_units(match.text) is not None

from __future__ import annotations

import datetime

import pytest
from hypothesis import given, strategies as st

from invoicelake.text.dates import day_comes_first, find_dates, parse_date

FOUND = [
    # line                              spans
    ("25/12/2018", ["25/12/2018"]),
    ("Date:25/12/2018 14:33", ["25/12/2018"]),
    ("25/12/201814:33", ["25/12/2018"]),
    ("25/12/1814:33", ["25/12/18"]),
    ("25-12-18 14:33 SH01", ["25-12-18"]),
    ("2018-12-25T14:33:00", ["2018-12-25"]),
    ("001-2018/02/22 13:34:27", ["2018/02/22"]),
    ("25.12.2018", ["25.12.2018"]),
    ("25. 12. 2018", ["25. 12. 2018"]),
    (": 20180303/191204", ["20180303"]),
    ("25032018", ["25032018"]),
    ("12 Jan 2018", ["12 Jan 2018"]),
    ("12-JAN-2018", ["12-JAN-2018"]),
    ("15/APR/2017 04:56", ["15/APR/2017"]),
    ("24 MAR 18 09:12", ["24 MAR 18"]),
    ("JAN 12, 2018", ["JAN 12, 2018"]),
    ("12. März 2024", ["12. März 2024"]),
    ("Madrid, 3 de enero de 2024", ["3 de enero de 2024"]),
    ("le 1er août 2023", ["1er août 2023"]),
    ("12 Disember 2019", ["12 Disember 2019"]),
    ("INV/DATE:K074(06/12/2016)", ["06/12/2016"]),
    ("12/31/2018", ["12/31/2018"]),
    ("01/02/2024 - 03/02/2024", ["01/02/2024", "03/02/2024"]),
    ("32/13/2018", []),
    ("14:33:25", []),
    ("18.22 25", []),
    ("192.168.10.12", []),
    ("TEL 03-4142 1886", []),
    ("12 PCS 2018", []),
    ("1 + 1", []),
    ("", []),
]


@pytest.mark.parametrize(("line", "expected"), FOUND)
def test_find_dates(line: str, expected: list[str]) -> None:
    found = find_dates(line)
    assert [match.text for match in found] == expected
    assert all(line[match.start : match.end] == match.text for match in found)


VALUES = [
    # text                  day first  date
    ("03/04/2024", True, (2024, 4, 3)),
    ("03/04/2024", False, (2024, 3, 4)),
    ("25/12/2018", False, (2018, 12, 25)),
    ("12/25/2018", True, (2018, 12, 25)),
    ("2024-04-03", False, (2024, 4, 3)),
    ("20240403", True, (2024, 4, 3)),
    ("25-12-18", True, (2018, 12, 25)),
    ("01.02.70", True, (1970, 2, 1)),
    ("12. März 2024", True, (2024, 3, 12)),
    ("12. MAERZ 2024", True, (2024, 3, 12)),
    ("1 févr. 2023", True, (2023, 2, 1)),
    ("JAN 12, 2018", True, (2018, 1, 12)),
    ("12 Ogos 2019", True, (2019, 8, 12)),
    ("12 grudnia 2019", True, (2019, 12, 12)),
    ("Datum: 03.04.2024 12:01", True, (2024, 4, 3)),
    ("31/02/2024", True, None),
    ("2024-13-01", True, None),
    ("2024.03.04", True, (2024, 3, 4)),
    ("29/02/2023", True, None),
    ("29/02/2024", False, (2024, 2, 29)),
    ("March 4th, 2024", False, (2024, 3, 4)),
    ("4th of March 2024", False, (2024, 3, 4)),
    ("00/00/0000", True, None),
    ("9999-12-31", True, None),
    ("4/3/0024", True, None),
    ("04-03-2024-05", True, None),
    ("2024年3月4日", True, None),
    ("今天", True, None),
    ("1" * 500, True, None),
    ("yesterday", True, None),
    ("12:30", True, None),
    ("", True, None),
]


@pytest.mark.parametrize(("text", "day_first", "expected"), VALUES)
def test_parse_date(text: str, day_first: bool, expected: tuple[int, int, int] | None) -> None:
    assert parse_date(text, day_first) == (datetime.date(*expected) if expected else None)


@pytest.mark.parametrize(
    ("texts", "otherwise", "expected"),
    [
        (["9/12/2017", "8/13/2017"], True, False),
        (["9/12/2017", "13/8/2017"], False, True),
        (["13.08.17 12:30"], False, True),
        (["9/12/2017", "9/2/2017"], True, True),
        (["9/12/2017", "9/2/2017"], False, False),
        (["13/8/2017", "8/13/2017"], True, True),
        (["2017-08-13", "13 Aug 2017", "", "x"], False, False),
        (["31/02/2017"], False, False),
        ([], True, True),
    ],
)
def test_day_comes_first(texts: list[str], otherwise: bool, expected: bool) -> None:
    assert day_comes_first(texts, otherwise) is expected


@pytest.mark.timeout(10)
@pytest.mark.parametrize("part", ["1", "1/", "1 1", "1-", "jan ", "12 jan ", "2018-", "1. "])
def test_long_lines_take_linear_time(part: str) -> None:
    assert isinstance(find_dates(part * 20_000), list)


FORMATS = ("%d/%m/%Y", "%d.%m.%Y", "%Y-%m-%d", "%d %b %Y", "%d-%b-%Y", "%B %d, %Y", "%Y%m%d", "%d-%m-%y")


@given(st.dates(datetime.date(1990, 1, 1), datetime.date(2059, 12, 31)), st.sampled_from(FORMATS))
def test_dates_survive_printing(date: datetime.date, form: str) -> None:
    printed = date.strftime(form)
    assert [match.text for match in find_dates(f"{printed} 12:30")] == [printed]
    assert parse_date(printed) == date


@given(st.text(alphabet="0123456789/-. JANmaredé", max_size=30))
def test_any_text_is_taken(text: str) -> None:
    found = find_dates(text)
    assert all(text[match.start : match.end] == match.text for match in found)
    assert all(parse_date(match.text) is not None for match in found)

"""Cleaning the ledger without Spark: names of countries, days to do, what cancels what, errors put in."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from invoicelake.config.data import Cleaning
from invoicelake.evaluation.corruption import KINDS, corrupt, mistyped
from invoicelake.transforms.ledger.cancellations import tied
from invoicelake.transforms.ledger.chunks import chained, chunks_of_days, days_to_do, digest
from invoicelake.transforms.ledger.parties import country_names, known_countries
from invoicelake.transforms.ledger.provenance import days_without_rate
from invoicelake.transforms.ledger.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND, THIRD = (date(2024, 1, day) for day in (1, 2, 3))

CHUNKS = [
    # why                             rows                                        chunks
    ("no days", [], []),
    ("all fit", [(SECOND, 4), (FIRST, 5)], [(FIRST, SECOND)]),
    ("one line too many", [(FIRST, 5), (SECOND, 6), (THIRD, 1)], [(FIRST,), (SECOND, THIRD)]),
    ("a day too large for any", [(FIRST, 1), (SECOND, 99), (THIRD, 1)], [(FIRST,), (SECOND,), (THIRD,)]),
    ("days without lines", [(FIRST, 0), (SECOND, 0)], [(FIRST, SECOND)]),
]


@pytest.mark.parametrize(("rows", "chunks"), [case[1:] for case in CHUNKS], ids=[case[0] for case in CHUNKS])
def test_chunks_of_days(rows, chunks):
    assert chunks_of_days(rows, max_lines=10) == chunks


def test_days_to_do_are_new_or_made_from_something_else():
    wanted = {THIRD: "c", SECOND: "b", FIRST: "a"}
    assert days_to_do(wanted, {FIRST: "a", SECOND: "old"}) == (SECOND, THIRD)


def test_digests_tell_parts_apart():
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("ab", "c", "")}) == 4


def test_a_late_day_changes_the_chain_from_there_on():
    before = chained([(FIRST, "a"), (THIRD, "c")])
    after = chained([(THIRD, "c"), (SECOND, "b"), (FIRST, "a")])
    assert after[FIRST] == before[FIRST]
    assert days_to_do(after, before) == (SECOND, THIRD)
    assert days_to_do(chained([(FIRST, "a")], "another window"), before) == (FIRST,)


REGIONS = Cleaning().regions
COUNTRIES = [
    # found                spelling              code
    ("Germany", "Germany", "DE"),
    ("GERMANY", "Germany", "DE"),
    ("Gemrany", "Germany", "DE"),
    ("Untied Kingdom", "United Kingdom", "GB"),
    ("EIRE", "EIRE", "IE"),
    ("RSA", "RSA", "ZA"),
    ("Channel Islands", "Channel Islands", None),
    ("Chanel Islands", "Channel Islands", None),
    ("Unspecifed", "Unspecified", None),
    ("Japan", "Japan", "JP"),
    ("Atlantis", "Atlantis", None),
    ("Geny", "Geny", None),
]


def test_names_of_countries():
    known = known_countries(["Germany", "United Kingdom", "EIRE", "Gremany", "Channel Islands"], REGIONS)
    assert "Gremany" not in known
    meant = country_names([case[0] for case in COUNTRIES], known, REGIONS, max_edits=2)
    assert {name: meant[name.upper()] for name, _, _ in COUNTRIES} == {
        name: (spelt, code) for name, spelt, code in COUNTRIES
    }


def test_a_name_as_near_to_two_countries_is_left_alone():
    assert country_names(["Austrxia"], ["Austria", "Austrxya"], (), 2)["AUSTRXIA"] == ("Austrxia", None)


POUND_AND_EURO = "EUR 1.00000000 2024-01-01; GBP 0.85000000 2024-01-01"
RATES = {FIRST: POUND_AND_EURO, SECOND: "EUR 1.00000000 2024-01-02"}
# why, currencies, days of three without a rate
WITHOUT_RATE = [
    ("one of the two, or none at all", ("GBP", "EUR"), [SECOND, THIRD]),
    ("a currency that is never quoted", ("XXX", "EUR"), [FIRST, SECOND, THIRD]),
    ("the reporting currency needs no rate", ("GBP", "GBP"), []),
]


@pytest.mark.parametrize(
    ("currencies", "days"), [case[1:] for case in WITHOUT_RATE], ids=[case[0] for case in WITHOUT_RATE]
)
def test_days_without_a_rate(currencies, days):
    assert days_without_rate(RATES, currencies, [THIRD, FIRST, SECOND]) == days


def event(day, quantity, customer="17850", number=1, used=0):
    return {
        "source": "generated",
        "customer_id": customer,
        "stock_code": "85123A",
        "unit_price": Decimal("2.55"),
        "entry_id": f"{day}/{number}",
        "entry_date": FIRST + timedelta(days=day),
        "booked_at": datetime(2024, 1, 1) + timedelta(days=day),
        "line_number": number,
        "quantity": quantity,
        "amount_minor": quantity * 255,
        "reporting_amount_minor": quantity * 301,
        "used": used,
        "is_note": quantity < 0,
    }


TIED = [
    # why, sales and notes by time, (sale, quantity, how, lag) of each part
    ("all of a sale", [event(0, 6), event(3, -6)], [("0/1", -6, "exact", 3)]),
    ("a part of a sale", [event(0, 6), event(3, -2)], [("0/1", -2, "partial", 3)]),
    ("no sale", [event(3, -2)], [(None, -2, "none", None)]),
    ("the latest of two", [event(0, 6), event(1, 6), event(3, -6)], [("1/1", -6, "exact", 2)]),
    ("the quantity decides first", [event(0, 6), event(1, 9), event(3, -6)], [("0/1", -6, "exact", 3)]),
    ("a sale after it is none of its", [event(3, -6), event(4, 6)], [(None, -6, "none", None)]),
    ("a sale before the window", [event(0, 6), event(91, -6)], [(None, -6, "none", None)]),
    ("a sale on the window's first day", [event(0, 6), event(90, -6)], [("0/1", -6, "exact", 90)]),
    (
        "no sale is cancelled twice",
        [event(0, 6), event(1, -4), event(2, -4)],
        [("0/1", -4, "partial", 1), ("0/1", -2, "several", 2), (None, -2, "none", None)],
    ),
    (
        "several sales, the latest first",
        [event(0, 6), event(1, 2), event(2, 3), event(3, -8)],
        [("2/1", -3, "several", 1), ("1/1", -2, "several", 2), ("0/1", -3, "several", 3)],
    ),
    ("what was used before", [event(0, 6, used=4), event(1, -2)], [("0/1", -2, "exact", 1)]),
    ("no customer", [event(0, 6, customer=None), event(1, -6, customer=None)], [(None, -6, "none", None)]),
]


@pytest.mark.parametrize(("events", "expected"), [case[1:] for case in TIED], ids=[case[0] for case in TIED])
def test_what_cancels_what(events, expected):
    parts = list(tied(events, window_days=90))
    found = [(part["cancels_entry_id"], part["quantity"], part["how"], part["lag_days"]) for part in parts]
    assert found == expected
    for name in ("quantity", "amount_minor", "reporting_amount_minor"):
        assert sum(part[name] for part in parts) == sum(each[name] for each in events if each["is_note"])


def test_parts_of_an_amount_add_up_in_spite_of_rounding():
    sales = [event(0, 1), event(1, 1, number=2), event(2, 1, number=3)]
    note = event(3, -3) | {"amount_minor": -100, "reporting_amount_minor": -119}
    parts = list(tied([*sales, note], 90))
    assert [part["amount_minor"] for part in parts] == [-33, -33, -34]
    assert [part["reporting_amount_minor"] for part in parts] == [-40, -40, -39]
    without_rate = tied([*sales, note | {"reporting_amount_minor": None}], 90)
    assert [part["reporting_amount_minor"] for part in without_rate] == [None] * 3


def clean_line(number):
    return {
        "source": "generated",
        "delivery_day": FIRST,
        "line_number": number + 2,
        "invoice_number": str(1000 + number // 5),
        "stock_code": f"85{number % 10}23A",
        "description": f"WHITE HANGING HEART {number % 10}",
        "quantity": "6",
        "booked_at": "2024-01-01 08:26:00",
        "unit_price": "2.55",
        "customer_id": "17850" if number % 2 else None,
        "country": "United Kingdom",
    }


CLEAN = [clean_line(number) for number in range(600)]


def test_errors_are_where_they_are_said_to_be_and_nowhere_else():
    made, injected = corrupt(CLEAN, share=0.02, seed=7)
    by_key = {line["line_number"]: line for line in CLEAN}
    said = {error.line_number: error for error in injected if error.kind != "duplicate"}
    for line in made[: len(CLEAN)]:
        before = by_key[line["line_number"]]
        changed = {name for name in line if line[name] != before[name]}
        assert changed == set(said[line["line_number"]].columns if line["line_number"] in said else ())
    copies = [error for error in injected if error.kind == "duplicate"]
    assert [line["line_number"] for line in made[len(CLEAN) :]] == [each.line_number for each in copies]
    assert {kind: sum(error.kind == kind for error in injected) for kind in KINDS} == dict.fromkeys(KINDS, 12)
    assert corrupt(CLEAN[::-1], share=0.02, seed=7) == (made, injected)
    assert corrupt(CLEAN, share=0.02, seed=8) != (made, injected)


def test_letters_are_mistyped_and_digits_are_not():
    import random

    draw = random.Random(0)
    typed = {mistyped(draw, "SET OF 6 T-LIGHTS 24CM") for _ in range(200)}
    assert len(typed) > 20
    assert all("".join(c for c in text if c.isdigit()) == "624" for text in typed)
    assert mistyped(draw, "SET 6") is None


def test_page_names_every_rule_with_its_version():
    page = (ROOT / "docs" / "cleaning.md").read_text(encoding="utf-8")
    for rule, version in RULES.items():
        assert f"| `{rule}` | {version} |" in page

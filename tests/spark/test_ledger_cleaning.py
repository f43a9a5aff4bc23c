"""Cleaning the ledger: what is rejected, repaired and marked; what is usual; seeded errors that are found."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from invoicelake import config
from invoicelake.evaluation.cleaning import corruption_scores
from invoicelake.quality.checks import verify
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from invoicelake.sources.ledger.parsing import parse_file
from invoicelake.transforms.ledger import cleaning, profiles, provenance
from invoicelake.transforms.ledger.lines import DELIVERED, read_lines
from invoicelake.transforms.ledger.parties import names_of_countries
from invoicelake.transforms.outliers import with_outlier_mark, with_spread
from invoicelake.transforms.smoothing import with_bin_smoothed, with_rolling_median

DAY = date(2024, 1, 2)
LINE = "source string, delivery_day date, line_number int, " + ", ".join(f"{n} string" for n in DELIVERED)
SOUND = {
    "invoice_number": "536365",
    "stock_code": "85123A",
    "description": "WHITE HANGING HEART",
    "quantity": "6",
    "booked_at": "2024-01-02 08:26:00",
    "unit_price": "2.55",
    "customer_id": "17850.0",
    "country": "United Kingdom",
}
RATES = "currency string, rate_day date, per_euro decimal(18,8), quoted_on date"


def history():
    """What is usual: two prices, quantities of 6 and 12; and a product too rare to be judged."""
    lines = []
    for number in range(60):
        common = {"invoice_number": f"10{number}", "quantity": "12" if number % 3 else "6"}
        price = "2.95" if number % 5 == 0 else "2.55"
        lines.append(SOUND | common | {"unit_price": price})
        lines.append(
            SOUND | common | {"stock_code": "22752", "description": "RED SPOT MUG 250ML", "unit_price": "4"}
        )
    lines += [SOUND | {"invoice_number": "1999", "stock_code": "99999", "description": "RARE LAMP"}] * 3
    lines += [SOUND | {"stock_code": "85123A", "description": "damages", "unit_price": "0"}] * 70
    lines += [SOUND | {"description": "CREAM HANGING HEART", "invoice_number": "1888"}] * 4
    lines += [SOUND | {"customer_id": "12583.0", "country": "France", "invoice_number": "1777"}] * 2
    swapped = {"stock_code": "WHITE HANGING HEART", "description": "85123A", "invoice_number": "1666"}
    lines += [SOUND | swapped] * 12
    return lines


# Each is a line on an invoice of its own, `SOUND` but for what is given; then what of the entry must be so.
JUDGED = [
    ("sound", {}, {"kind": "sale", "amount_minor": 1530, "is_outlier": False, "entry_id": "2024-01-02/{}/1"}),
    ("form alone", {"stock_code": " 85123a ", "description": " WHITE  HANGING HEART "}, {"repairs": []}),
    ("half a penny", {"quantity": "1", "unit_price": "2.545"}, {"amount_minor": 255}),
    ("half a penny back", {"quantity": "-1", "unit_price": "2.545"}, {"amount_minor": -255}),
    (
        "bad debt",
        {"invoice_number": "A{}", "stock_code": "B", "unit_price": "-11062.06"},
        {"kind": "bad_debt"},
    ),
    ("postage", {"stock_code": "POST", "unit_price": "18.00"}, {"kind": "postage", "is_outlier": False}),
    ("discount", {"stock_code": "D", "quantity": "-1", "invoice_number": "C{}"}, {"kind": "discount"}),
    ("fee", {"stock_code": "AMAZONFEE", "quantity": "-1"}, {"kind": "fee"}),
    ("manual", {"stock_code": "m"}, {"kind": "other", "stock_code": "M"}),
    (
        "purchase",
        {"stock_code": "PURCHASE", "description": "Acme Ltd", "quantity": "1", "unit_price": "-99.00"},
        {"kind": "purchase", "amount_minor": -9900, "description": "Acme Ltd", "outlier_reason": None},
    ),
    ("given away", {"unit_price": "0"}, {"kind": "sample"}),
    (
        "write-off",
        {"unit_price": "0", "quantity": "-9", "customer_id": None, "description": "damages"},
        {"kind": "stock_adjustment", "description": "damages", "outlier_reason": None},
    ),
    (
        "cancellation",
        {"invoice_number": "C{}", "quantity": "-6"},
        {"kind": "cancellation", "is_outlier": False},
    ),
    (
        "credit note that takes",
        {"invoice_number": "C{}"},
        {"kind": "cancellation", "amount_minor": 1530, "outlier_reason": "sign: credit note with"},
    ),
    (
        "negative and no credit note",
        {"quantity": "-6"},
        {"kind": "other", "amount_minor": -1530, "outlier_reason": "sign: negative quantity"},
    ),
    (
        "price off",
        {"unit_price": "2.75"},
        {"outlier_reason": "price_off_levels: price 2.75, usually 2.55, 2.95"},
    ),
    ("price far off", {"unit_price": "255.00"}, {"outlier_reason": "price_far: price 255.00, usually 2.55"}),
    ("quantity far off", {"quantity": "74215"}, {"outlier_reason": "quantity_far: quantity 74215"}),
    ("rare product at any price", {"stock_code": "99999", "unit_price": "999"}, {"outlier_reason": None}),
    (
        "description missing",
        {"description": None},
        {"description": "WHITE HANGING HEART", "repairs": ["description_from_profile"]},
    ),
    (
        "description mistyped",
        {"description": "WHITE HAGNING HEART"},
        {"description": "WHITE HANGING HEART", "repairs": ["description_spelling"]},
    ),
    ("another name in use", {"description": "CREAM HANGING HEART"}, {"repairs": []}),
    ("another number", {"stock_code": "22752", "description": "RED SPOT MUG 350ML"}, {"repairs": []}),
    (
        "code missing",
        {"stock_code": None},
        {"stock_code": "85123A", "repairs": ["stock_code_from_description"]},
    ),
    ("code mistyped", {"stock_code": "85132A"}, {"stock_code": "85123A", "repairs": ["stock_code_spelling"]}),
    ("code of another", {"stock_code": "22752"}, {"stock_code": "22752", "repairs": []}),
    (
        "code and description swapped",
        {"stock_code": "White hanging heart", "description": "85123A"},
        {"stock_code": "85123A", "description": "WHITE HANGING HEART"},
    ),
    (
        "quantity and price swapped",
        {"quantity": "2.55", "unit_price": "12"},
        {"quantity": 12, "unit_price": Decimal("2.5500"), "amount_minor": 3060, "is_outlier": False},
    ),
    (
        "whole quantity and price swapped",
        {
            "stock_code": "22752",
            "description": "RED SPOT MUG 250ML",
            "quantity": "4.0",
            "unit_price": "12.00",
        },
        {"quantity": 12, "unit_price": Decimal("4.0000"), "repairs": ["quantity_and_price_swapped"] * 2},
    ),
    ("country mistyped", {"country": "Untied Kingdom"}, {"country": "United Kingdom", "country_code": "GB"}),
    (
        "country missing",
        {"country": None, "customer_id": "12583.0"},
        {"country": "France", "country_code": "FR", "repairs": ["country_from_customer"]},
    ),
    ("no customer at all", {"customer_id": ""}, {"customer_id": None, "repairs": []}),
    ("no invoice number", {"invoice_number": " "}, {"reason": "no_invoice_number"}),
    ("no date", {"booked_at": None}, {"reason": "no_time"}),
    ("impossible date", {"booked_at": "2024-02-30 08:00:00"}, {"reason": "unreadable_time"}),
    ("a time and no date", {"booked_at": "08:26"}, {"reason": "unreadable_time"}),
    ("another day", {"booked_at": "2024-01-03 00:00:00"}, {"reason": "other_day"}),
    ("no quantity", {"quantity": None}, {"reason": "no_quantity"}),
    (
        "quantity no number",
        {"quantity": "six"},
        {"reason": "unreadable_quantity", "detail": "quantity six is no"},
    ),
    ("decimal comma", {"unit_price": "2,55"}, {"reason": "unreadable_unit_price"}),
    ("not a number", {"unit_price": "NaN"}, {"reason": "unreadable_unit_price"}),
    ("a third of a piece", {"quantity": "0.3"}, {"reason": "quantity_not_whole"}),
    ("too many digits", {"unit_price": "0.00001"}, {"reason": "unit_price_out_of_range"}),
    ("absurd quantity", {"quantity": "99999999999"}, {"reason": "out_of_range"}),
    ("absurd in all", {"quantity": "1" * 40}, {"reason": "quantity_out_of_range"}),
]
# On one invoice: what each line must repeat, by its place, and what is filled from the others.
INVOICE = [
    ("first", {}, None),
    ("the same again", {}, 1),
    ("again, mistyped", {"description": "WHITE HANGING HAERT", "booked_at": "2024-01-02 08:31:00"}, 1),
    ("another quantity", {"quantity": "7"}, None),
    ("rejected, so no original", {"quantity": "x", "stock_code": "22752"}, None),
    ("customer and country missing", {"stock_code": "22752", "customer_id": None, "country": None}, None),
    ("a fee", {"stock_code": "BANK CHARGES", "description": "Bank charges May"}, None),
    ("another fee", {"stock_code": "BANK CHARGES", "description": "Bank charges June"}, None),
]


def frame(spark, lines, day=DAY):
    rows = [
        ("generated", day, number, *(line[name] for name in DELIVERED))
        for number, line in enumerate(lines, 2)
    ]
    return spark.createDataFrame(rows, LINE)


@pytest.fixture(scope="module")
def suite():
    return config.load(Path(__file__).resolve().parents[2] / "conf")


@pytest.fixture(scope="module")
def usual(spark, suite):
    read = read_lines(frame(spark, history()))
    found = profiles.product_profiles(read, suite.cleaning), profiles.customer_profiles(read)
    return [each.localCheckpoint() for each in found]


@pytest.fixture(scope="module")
def judged(spark, suite, usual):
    lines = []
    for number, (_, given, _) in enumerate(JUDGED):
        line = SOUND | {"invoice_number": str(700000 + number)} | given
        lines.append(line | {"invoice_number": line["invoice_number"].format(700000 + number)})
    lines += [SOUND | {"invoice_number": "800000"} | given for _, given, _ in INVOICE]
    delivered = frame(spark, lines)
    names = names_of_countries(delivered, usual[1], suite.cleaning)
    return cleaning.judge_lines(delivered, *usual, names, suite.cleaning, "GBP").localCheckpoint()


@pytest.fixture(scope="module")
def rows(judged):
    return {row.line_number - 2: row.asDict(recursive=True) for row in judged.collect()}


@pytest.mark.parametrize("number", range(len(JUDGED)), ids=[case[0] for case in JUDGED])
def test_judged(rows, number):
    row, expected = rows[number], JUDGED[number][2]
    found = row | {"repairs": [repair["rule"] for repair in row["repairs"]]}
    assert (row["reason"] is None) == ("reason" not in expected), row["reason"]
    for name, value in expected.items():
        if name in ("outlier_reason", "detail") and value is not None:
            assert value in found[name]
        elif name == "entry_id":
            assert found[name] == value.format(700000 + number)
        else:
            assert found[name] == value, name


def test_lines_of_one_invoice(rows):
    of_invoice = [rows[len(JUDGED) + place] for place in range(len(INVOICE))]
    originals = [original and f"2024-01-02/800000/{original}" for _, _, original in INVOICE]
    assert [row["duplicate_of"] for row in of_invoice] == originals
    filled = of_invoice[5]
    assert (filled["customer_id"], filled["country"]) == ("17850", "United Kingdom")
    assert [each["rule"] for each in filled["repairs"] if each["column_name"] != "description"] == [
        "customer_from_invoice",
        "country_from_invoice",
    ]


def test_nothing_is_lost_between_the_tables(spark, specs, judged, rows):
    rates = spark.createDataFrame([], RATES)
    entries = cleaning.accepted_entries(judged, rates, "GBP")
    rejected = cleaning.rejected_lines(judged)
    repaired = cleaning.repaired_cells(judged)
    days = cleaning.cleaned_days(
        judged, provenance.as_frame(spark, "generated", {DAY: "a", date(2024, 1, 3): "b"})
    )
    counts = {
        name: verify(each, specs[name])
        for name, each in {
            "silver.ledger_entry": entries,
            "silver.ledger_entry_rejected": rejected,
            "silver.repair": repaired,
            "silver.ledger_day": days,
        }.items()
    }
    by_day = {row.delivery_day: row for row in days.collect()}
    assert (by_day[DAY].accepted, by_day[DAY].rejected, by_day[DAY].repaired_cells) == tuple(
        counts[name] for name in ("silver.ledger_entry", "silver.ledger_entry_rejected", "silver.repair")
    )
    assert by_day[DAY].lines == len(rows)
    assert by_day[date(2024, 1, 3)].lines == 0
    amounts = {row.line_number - 2: row for row in rejected.collect()}
    names = [case[0] for case in JUDGED]
    assert amounts[names.index("a third of a piece")].amount == Decimal("0.7650")
    assert amounts[names.index("quantity no number")].amount is None
    content = json.loads(amounts[names.index("quantity no number")].content)
    assert content["quantity"] == "six"


def test_repairs_keep_what_came(judged):
    cells = {(row.row_key[-8:], row.column_name): row for row in cleaning.repaired_cells(judged).collect()}
    number = [case[0] for case in JUDGED].index("quantity and price swapped")
    key = f"{700000 + number}/1"
    found = [(cells[key, name].before, cells[key, name].after) for name in ("quantity", "unit_price")]
    assert found == [("2.55", "12"), ("12", "2.5500")]


def test_what_is_usual(usual):
    products = {row.stock_code: row for row in usual[0].collect()}
    heart = products["85123A"]
    assert heart.description == "WHITE HANGING HEART"
    assert heart.other_descriptions == ["CREAM HANGING HEART"]
    assert heart.price_levels == [Decimal("2.5500"), Decimal("2.9500")]
    assert (heart.lines, heart.sales) == (136, 66)
    assert {row.customer_id: row.country for row in usual[1].collect()} == {
        "17850": "United Kingdom",
        "12583": "France",
    }


def test_days_are_made_from_all_that_settles_them(spark, suite, usual):
    digests = [provenance.content_digest(usual, ()), provenance.content_digest(usual[::-1], ())]
    assert len(set(digests)) == 2
    assert provenance.content_digest([each.orderBy(F.rand(1)) for each in usual], ()) == digests[0]
    rates = spark.createDataFrame([("GBP", DAY, Decimal("0.85"), DAY)], RATES)
    by_day = provenance.rates_by_day(rates, ("GBP", "EUR"), [DAY])
    delivered = {DAY: "sha"}
    other = suite.model_copy(update={"cleaning": config.Cleaning(outlier_z=4)})
    chunked = suite.model_copy(update={"cleaning": config.Cleaning(lines_at_a_time=1)})
    made = provenance.made_from(delivered, digests[0], by_day, suite)
    assert provenance.made_from(delivered, digests[0], by_day, chunked) == made
    assert made not in [
        provenance.made_from(delivered, digests[0], {}, suite),
        provenance.made_from(delivered, digests[1], by_day, suite),
        provenance.made_from({DAY: "corrected"}, digests[0], by_day, suite),
        provenance.made_from(delivered, digests[0], by_day, other),
    ]


def test_seeded_errors_are_found_and_clean_cells_left_alone(spark, suite):
    lines = []
    for name, content in ledger_files(suite).items():
        table = parse_file(content).lines.to_pylist()
        lines += [
            ("generated", date.fromisoformat(name[:10]), row["line_number"], *(row[c] for c in DELIVERED))
            for row in table
        ]
    found = corruption_scores(spark.createDataFrame(lines, LINE), suite, share=0.01, min_sales=20)
    kinds = ("missing", "noise", "outlier", "swap", "typo", "duplicate")
    assert {kind: found[f"{kind}_found_share"] >= 0.95 for kind in kinds} == dict.fromkeys(kinds, True), found
    assert found["clean_cells_changed_share"] <= 0.01
    assert found["clean_lines_marked_share"] <= 0.01
    assert found["errors"] >= 6 * 70


VALUES = [4.0, 8.0, 9.0, 15.0, 21.0, 21.0, 24.0, 25.0, 26.0, 28.0, 29.0, 34.0, None]


def test_smoothing_and_outliers(spark):
    """The values are the example of Han, Kamber & Pei (2011), section 3.2.2."""
    numbers = spark.createDataFrame(list(enumerate(VALUES)), "id int, value double")
    found = {
        by: [
            row.smoothed for row in with_bin_smoothed(numbers, "value", ["id"], 3, by).orderBy("id").collect()
        ]
        for by in ("mean", "median", "boundary")
    }
    assert found["mean"] == [9.0] * 4 + [22.75] * 4 + [29.25] * 4 + [None]
    assert found["median"] == [8.5] * 4 + [22.5] * 4 + [28.5] * 4 + [None]
    assert found["boundary"] == [4, 4, 4, 15, 21, 21, 25, 25, 26, 26, 26, 34, None]
    series = [(1, 5.0), (2, 900.0), (3, 6.0), (4, None), (5, 7.0)]
    rolled = with_rolling_median(spark.createDataFrame(series, "id int, value double"), "value", ["id"], 1)
    assert [row.smoothed for row in rolled.orderBy("id").collect()] == [452.5, 6.0, 453.0, None, 7.0]
    grouped = [("a", float(v)) for v in (1, 2, 3, 4, 100)] + [("b", 5.0)] * 4 + [("b", 9.0), ("b", None)]
    marked = with_outlier_mark(spark.createDataFrame(grouped, "name string, value double"), "value", ["name"])
    outliers = {(row.name, row.value): (row.robust_z, row.is_outlier) for row in marked.collect()}
    assert outliers["a", 100.0] == (pytest.approx(0.6745 * 97), True)
    assert outliers["a", 1.0] == (pytest.approx(-0.6745 * 2), False)
    assert outliers["b", 9.0] == (None, True)
    assert outliers["b", 5.0] == (None, False)
    assert outliers["b", None] == (None, None)
    spread = with_spread(spark.createDataFrame(grouped, "name string, value double"), "value", ["name"])
    first = spread.where("name = 'a'").first()
    assert (first.median, first.mad, first.first_quartile, first.third_quartile, first["values"]) == (
        3,
        1,
        2,
        4,
        5,
    )

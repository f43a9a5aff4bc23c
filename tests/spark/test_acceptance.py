"""From readings to accepted fields and a queue for the rest: many invoices in one frame."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from invoicelake import config
from invoicelake.transforms.acceptance import invoice_fields, readings_of, review_items
from invoicelake.transforms.annotations import (
    corrections_of,
    with_corrected_values,
    with_corrections,
)
from invoicelake.transforms.invoice_checks import check_rows, checked_invoices
from invoicelake.trust.acceptance import FieldRule
from invoicelake.trust.bounds import Cut
from invoicelake.trust.calibration import Calibration
from invoicelake.trust.record import TrustRecord

CUT = Cut(0.5, 400, 300, 2, 0.03, 59)
RULES = {name: FieldRule(CUT, CUT, 0.0) for name in ("company", "date", "address", "total", "net", "tax")}
RECORD = TrustRecord(
    "m", 1, {name: Calibration("platt", (1.0, 1.0, 0.0), 400) for name in RULES}, (0.1,) * 500
)
SETTINGS = config.Accept()
PUBLISH = config.Publish(currency="MYR")
CHECKS = config.InvoiceChecks(as_of=date(2024, 12, 31))
FOUR = {"company": "ACME", "date": "03/04/2024", "address": "HIGH ROAD", "total": "RM 9.00"}
INVOICES = {
    # name: values, score of the total, share of unknown words
    "a plain": (FOUR, 0.9, 0.1),
    "b unsure": ({**FOUR, "date": "04/04/2024"}, 0.4, 0.1),
    "c large and unsure": ({**FOUR, "date": "05/04/2024", "total": "RM 90,000.00"}, 0.4, 0.1),
    "d again": ({**FOUR, "company": "Acme."}, 0.9, 0.1),
    "e in the future": ({**FOUR, "date": "01/01/2025"}, 0.9, 0.1),
    "f strange words": ({**FOUR, "date": "06/04/2024"}, 0.9, 0.9),
    "g no total": ({**FOUR, "date": "07/04/2024", "total": None}, 0.0, 0.1),
    "h does not add up": ({**FOUR, "date": "08/04/2024", "net": "8.00", "tax": "0.50"}, 0.9, 0.1),
    "i adds up": ({**FOUR, "date": "09/04/2024", "net": "8.50", "tax": "0.50"}, 0.9, 0.1),
    "j corrected": ({**FOUR, "date": "10/04/2024"}, 0.4, 0.1),
    "l items do not add up": ({**FOUR, "date": "12/04/2024", "net": "8.50", "tax": "0.50"}, 0.9, 0.1),
    "m an item is misread": ({**FOUR, "date": "13/04/2024", "net": "8.50", "tax": "0.50"}, 0.9, 0.1),
    "k put right": (
        {**FOUR, "date": "11/04/2024", "total": "RM 99.00", "net": "8.50", "tax": "0.50"},
        0.9,
        0.1,
    ),
}
ITEMS = {
    "i adds up": [(2, "1", "1.00", "1.00"), (1, "3 x", "RM 2.50", "RM 7.50")],
    "l items do not add up": [(1, "1", "8.00", "8.00")],
    "m an item is misread": [(1, "2", "4.00", "8.50")],
}
ANNOTATIONS = [
    # document, value, time, tool
    ("j corrected", "RM 8.00", 1, "review"),
    ("j corrected", "RM 7.00", 2, "review"),
    ("a plain", "RM 6.00", 3, "another tool"),
    ("k put right", "RM 9.00", 1, "review"),
]


@pytest.fixture(scope="module")
def judged(spark):
    """The rows of invoice_check, invoice_field and review_item."""
    documents = spark.createDataFrame(
        [
            (name, "sroie", name, [("first line",), (str(values["total"]),)])
            for name, (values, *_) in INVOICES.items()
        ],
        "document_id string, source string, name string, lines array<struct<text: string>>",
    )
    extractions = spark.createDataFrame(
        [
            (name, field, value, score if field == "total" else 0.9, [1] if field == "total" else [], "m", 1)
            for name, (values, score, _) in INVOICES.items()
            for field, value in values.items()
        ],
        "document_id string, field string, value string, score double, line_numbers array<int>,"
        "model_name string, model_version int",
    )
    shares = spark.createDataFrame(
        [(name, share) for name, (_, _, share) in INVOICES.items()],
        "document_id string, unknown_share double",
    )
    annotations = spark.createDataFrame(
        [
            ("sroie", name, "total", "ada", value, datetime(2024, 1, day, tzinfo=UTC), tool)
            for name, value, day, tool in ANNOTATIONS
        ],
        "document_source string, document string, field string, annotator string, value string,"
        "annotated_at timestamp, tool string",
    )
    others = spark.createDataFrame(
        [("b unsure", "total", 2, "8.00", 0.1, "m", 1), ("b unsure", "total", 1, "7.00", 0.2, "m", 1)],
        "document_id string, field string, rank int, value string, score double,"
        "model_name string, model_version int",
    )
    corrected = with_corrected_values(extractions, corrections_of(annotations, documents, "review"))
    items = spark.createDataFrame(
        [(name, *item) for name, listed in ITEMS.items() for item in listed],
        "document_id string, item_number int, quantity string, unit_price string, amount string",
    )
    checked = checked_invoices(documents, corrected, items, PUBLISH, CHECKS).persist()
    readings = readings_of(documents, corrected, checked, shares)
    fields = invoice_fields(readings, RULES, RECORD, SETTINGS).persist()
    yield check_rows(checked).collect(), fields.collect(), review_items(fields, checked, others).collect()
    checked.unpersist()
    fields.unpersist()


TOTALS = {
    "a plain": "bound_holds",
    "b unsure": "score_too_low",
    "c large and unsure": "score_too_low",
    "d again": "seen_before",
    "e in the future": "date_in_future",
    "f strange words": "unlike_held_out",
    "g no total": "not_found",
    "h does not add up": "total_does_not_add_up",
    "i adds up": "bound_holds",
    "j corrected": "corrected",
    "k put right": "corrected",
    "l items do not add up": "items_do_not_add_up",
    "m an item is misread": "item_amount_wrong",
}


def test_reason_of_each_total(judged):
    _, fields, _ = judged
    totals = {row["name"]: row for row in fields if row["field"] == "total"}
    assert {name: row["reason"] for name, row in totals.items()} == TOTALS
    assert {name for name, row in totals.items() if row["is_accepted"]} == {
        "a plain",
        "i adds up",
        "j corrected",
        "k put right",
    }


def test_an_invoice_that_fails_a_check_has_no_accepted_field(judged):
    checks, fields, _ = judged
    failed = {row["document_id"] for row in checks if row["outcome"] == "failed"}
    assert failed == {
        "d again",
        "e in the future",
        "h does not add up",
        "l items do not add up",
        "m an item is misread",
    }
    assert not [row for row in fields if row["document_id"] in failed and row["is_accepted"]]


def test_what_was_not_read_is_not_checked(judged):
    outcomes = {(row["document_id"], row["check_name"]): row["outcome"] for row in judged[0]}
    assert outcomes["a plain", "net_and_tax_make_total"] == "not_checked"
    assert outcomes["i adds up", "net_and_tax_make_total"] == "passed"
    assert outcomes["a plain", "account_holds"] == "not_checked"
    assert outcomes["g no total", "is_new"] == "not_checked"
    assert outcomes["a plain", "is_new"] == "passed"


def test_a_field_carries_what_it_was_read_from(judged):
    row = next(row for row in judged[1] if (row["name"], row["field"]) == ("a plain", "total"))
    assert (row["value"], row["read_value"], row["line_numbers"], row["line_texts"]) == (
        *("RM 9.00", "RM 9.00"),
        *([1], ["RM 9.00"]),
    )
    assert row["probability"] == pytest.approx(0.9)
    assert (row["model_name"], row["model_version"]) == ("m", 1)


def test_the_newest_correction_is_the_value(judged):
    row = next(row for row in judged[1] if (row["name"], row["field"]) == ("j corrected", "total"))
    assert (row["value"], row["read_value"], row["probability"]) == ("RM 7.00", "RM 9.00", None)


def test_queue_has_what_is_not_accepted_and_the_most_valuable_first(judged):
    _, fields, items = judged
    assert {(row["name"], row["field"]) for row in items} == {
        (row["name"], row["field"]) for row in fields if not row["is_accepted"]
    }
    queue = [
        row["name"]
        for row in sorted(items, key=lambda row: -row["value_at_stake"])
        if row["field"] == "total"
    ]
    assert queue[0] == "c large and unsure"
    assert queue.index("g no total") < queue.index("b unsure")
    unsure = next(row for row in items if (row["name"], row["field"]) == ("b unsure", "total"))
    assert [other["value"] for other in unsure["alternatives"]] == ["7.00", "8.00"]
    assert unsure["value_at_stake"] == pytest.approx(0.6)


def test_rows_are_those_of_the_tables(judged, specs):
    for rows, name in zip(
        judged, ("gold.invoice_check", "gold.invoice_field", "gold.review_item"), strict=True
    ):
        assert set(rows[0].asDict()) == set(specs[name].column_names) - set(specs[name].stamps)


LABELS = [
    # document, field, label, correction (absent: none), label after review
    ("annotated", "total", "9.00", "8.00", "8.00"),
    ("annotated", "date", "1.1.2024", "absent", "1.1.2024"),
    ("annotated", "company", None, "ACME", "ACME"),
    ("field is not there", "total", "9.00", None, None),
    ("field is not there", "company", "ACME", "absent", "ACME"),
    ("corrected in part", "total", None, "8.00", None),
    ("corrected whole", "total", None, "8.00", "8.00"),
    ("corrected whole", "date", None, "1.1.2024", "1.1.2024"),
    ("corrected whole", "company", None, "ACME", "ACME"),
]


def test_corrections_are_labels(spark):
    labels = spark.createDataFrame(
        [(*case[:3], [7]) for case in LABELS if case[2]],
        "document_id string, field string, value string, line_numbers array<int>",
    )
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    corrections = spark.createDataFrame(
        [(*case[:2], case[3], moment) for case in LABELS if case[3] != "absent"],
        "document_id string, field string, corrected_value string, corrected_at timestamp",
    )
    found = with_corrections(labels, corrections, ["company", "date", "total"]).collect()
    assert {tuple(row)[:3] for row in found} == {(*case[:2], case[4]) for case in LABELS if case[4]}
    # Of what nobody corrected it is known where it stands.
    assert {tuple(row)[:2] for row in found if row["line_numbers"]} == {
        case[:2] for case in LABELS if case[4] and case[3] == "absent"
    }

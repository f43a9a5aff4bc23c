from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import invoice_checks as benchmark
from invoicelake import config
from invoicelake.evaluation.invoice_faults import FAULTS
from invoicelake.text.identifiers import account_holds, tax_number_holds
from invoicelake.trust.duplicates import invoice_key
from invoicelake.trust.invoice_checks import CHECKS, InvoiceValues, ItemValues, TaxValues, findings
from running import CONF

SETTINGS = config.InvoiceChecks(as_of=date(2024, 6, 30))
DAY = date(2024, 5, 31)


def items(*amounts: int | None) -> tuple[ItemValues, ...]:
    return tuple(ItemValues(amount_minor=amount) for amount in amounts)


SUM = "net_and_tax_make_total"
CASES: list[tuple[str, str, dict[str, Any], bool | None]] = [
    # why                             check, values, holds
    ("adds up", SUM, {"net_minor": 1000, "tax_minor": 200, "total_minor": 1200}, True),
    ("off by a coin, unrounded", SUM, {"net_minor": 1000, "tax_minor": 201, "total_minor": 1199}, True),
    ("off by more", SUM, {"net_minor": 1000, "tax_minor": 203, "total_minor": 1200}, False),
    (
        "rounding read, so exact",
        SUM,
        {"net_minor": 1000, "tax_minor": 203, "total_minor": 1205, "rounding_minor": 1},
        False,
    ),
    (
        "rupiah are rounded to hundreds",
        SUM,
        {"net_minor": 100000, "tax_minor": 11000, "total_minor": 115000, "currency": "IDR"},
        True,
    ),
    ("credit note", SUM, {"net_minor": -1000, "tax_minor": -200, "total_minor": -1200}, True),
    ("sign lost", SUM, {"net_minor": -1000, "tax_minor": -200, "total_minor": 1200}, False),
    ("tax not read", SUM, {"net_minor": 1000, "total_minor": 1200}, None),
    ("nothing read", SUM, {}, None),
    ("free of tax", "tax_is_plausible", {"net_minor": 1000, "tax_minor": 0}, True),
    ("a quarter", "tax_is_plausible", {"net_minor": 1000, "tax_minor": 250}, True),
    ("half", "tax_is_plausible", {"net_minor": 1000, "tax_minor": 500}, False),
    ("tax on nothing", "tax_is_plausible", {"net_minor": 0, "tax_minor": 500}, False),
    ("signs differ", "tax_is_plausible", {"net_minor": 1000, "tax_minor": -100}, False),
    (
        "items are the net",
        "items_add_up",
        {"net_minor": 30, "tax_minor": 3, "line_items": items(10, 20)},
        True,
    ),
    (
        "items are the gross",
        "items_add_up",
        {"net_minor": 27, "tax_minor": 3, "line_items": items(10, 20)},
        True,
    ),
    ("an item is missing", "items_add_up", {"net_minor": 30, "tax_minor": 3, "line_items": items(10)}, False),
    (
        "an amount is not read",
        "items_add_up",
        {"net_minor": 30, "tax_minor": 3, "line_items": items(10, None)},
        None,
    ),
    ("no items read", "items_add_up", {"net_minor": 30, "tax_minor": 3, "line_items": ()}, None),
    ("net alone, and it fits", "items_add_up", {"net_minor": 30, "line_items": items(10, 20)}, True),
    ("net alone, perhaps gross prices", "items_add_up", {"net_minor": 27, "line_items": items(10, 20)}, None),
    ("total alone, and it fits", "items_add_up", {"total_minor": 30, "line_items": items(10, 20)}, True),
    ("total alone, perhaps with tax", "items_add_up", {"total_minor": 36, "line_items": items(10, 20)}, None),
    (
        "total and tax fit",
        "items_add_up",
        {"total_minor": 36, "tax_minor": 6, "line_items": items(10, 20)},
        True,
    ),
    (
        "total and tax do not",
        "items_add_up",
        {"total_minor": 39, "tax_minor": 6, "line_items": items(10, 20)},
        False,
    ),
    ("two at five", "items_multiply", {"line_items": (ItemValues(2, 500, 1000),)}, True),
    ("a third of a kilogram", "items_multiply", {"line_items": (ItemValues(0.333, 1000, 333),)}, True),
    ("two at five are not nine", "items_multiply", {"line_items": (ItemValues(2, 500, 900),)}, False),
    ("price not read", "items_multiply", {"line_items": (ItemValues(2, None, 900),)}, None),
    ("rate fits", "tax_lines_multiply", {"tax_lines": (TaxValues(0.19, 1000, 190),)}, True),
    ("rate does not", "tax_lines_multiply", {"tax_lines": (TaxValues(0.07, 1000, 190),)}, False),
    (
        "lines are the sums",
        "tax_lines_add_up",
        {"net_minor": 3, "tax_minor": 1, "tax_lines": (TaxValues(0.2, 3, 1),)},
        True,
    ),
    (
        "lines are not",
        "tax_lines_add_up",
        {"net_minor": 4, "tax_minor": 1, "tax_lines": (TaxValues(0.2, 3, 1),)},
        False,
    ),
    ("small rounding", "rounding_is_small", {"rounding_minor": -2, "currency": "CHF"}, True),
    ("large rounding", "rounding_is_small", {"rounding_minor": 30, "currency": "CHF"}, False),
    ("due later", "dates_are_in_order", {"invoice_date": DAY, "due_date": date(2024, 6, 14)}, True),
    ("due at once", "dates_are_in_order", {"invoice_date": DAY, "due_date": DAY}, True),
    ("due before", "dates_are_in_order", {"invoice_date": DAY, "due_date": date(2024, 5, 1)}, False),
    ("ordered after", "dates_are_in_order", {"invoice_date": DAY, "order_date": date(2024, 6, 1)}, False),
    ("one date", "dates_are_in_order", {"invoice_date": DAY}, None),
    ("today", "date_is_past", {"invoice_date": date(2024, 6, 30)}, True),
    ("tomorrow", "date_is_past", {"invoice_date": date(2024, 7, 1)}, False),
    ("no date", "date_is_past", {}, None),
    ("a currency", "currency_is_known", {"currency": "MYR"}, True),
    ("a sign is no code", "currency_is_known", {"currency": "RM"}, False),
    ("new", "is_new", {"seen_before": False}, True),
    ("seen", "is_new", {"seen_before": True}, False),
    ("not told", "is_new", {}, None),
]


@pytest.mark.parametrize(
    ("check", "values", "holds"), [c[1:] for c in CASES], ids=[f"{c[1]}: {c[0]}" for c in CASES]
)
def test_check(check: str, values: dict[str, Any], holds: bool | None) -> None:
    found = {each.check: each for each in findings(InvoiceValues(**values), SETTINGS)}[check]
    assert found.outcome == {True: "passed", False: "failed", None: "not_checked"}[holds]
    assert found.reason == (CHECKS[check][0] if holds is False else None)


def test_of_nothing_nothing_is_checked() -> None:
    assert {each.outcome for each in findings(InvoiceValues(), SETTINGS)} == {"not_checked"}
    assert len(list(findings(InvoiceValues(), SETTINGS))) == len(CHECKS)


def test_without_a_day_no_date_is_in_the_future() -> None:
    found = findings(InvoiceValues(invoice_date=date(2999, 1, 1)), config.InvoiceChecks())
    assert {each.outcome for each in found if each.check == "date_is_past"} == {"not_checked"}


@pytest.mark.parametrize(
    ("text", "country", "holds"),
    [
        ("DE136695976", None, True),
        ("DE 136 695 976", "FR", True),
        ("DE136695978", None, False),
        ("DE13669597", None, False),
        ("NL4495445B01", None, True),
        ("00743110157", "IT", True),
        ("00743110157", None, None),
        ("00743110158", "IT", False),
        ("CHE-107.787.577 IVA", None, True),
        ("00123456789", "MY", None),
        ("EL094259216", None, True),
        ("NO 995 525 828 MVA", None, True),
        ("NO 995 525 829 MVA", None, False),
        ("NO: 123456789", None, None),
        ("Co. No. 123456-X", None, None),
        ("ID NO 12345", None, None),
        ("", None, None),
        ("随便", "IT", False),
    ],
)
def test_tax_number_holds(text: str, country: str | None, holds: bool | None) -> None:
    assert tax_number_holds(text, country) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("DE89 3704 0044 0532 0130 00", True),
        ("de89370400440532013000", True),
        ("DE89 3704 0044 0532 0130 01", False),
        ("DE89 3704 0044 0532 0130", False),
        ("XX89 3704 0044 0532 0130 00", False),
        ("1234", False),
    ],
)
def test_account_holds(text: str, holds: bool) -> None:
    assert account_holds(text) is holds


KEY = ("Acme Ltd.", "R-17", DAY, 900, "EUR")


@pytest.mark.parametrize(
    ("why", "other", "is_same"),
    [
        ("spelt alike", ("ACME LTD", "R17", DAY, 900, "EUR"), True),
        ("another total, as when misread", ("Acme Ltd.", "R-17", DAY, 901, "EUR"), True),
        ("numbers that start anew", ("Acme Ltd.", "R-17", date(2023, 5, 31), 900, "EUR"), False),
        ("another number", ("Acme Ltd.", "R-18", DAY, 900, "EUR"), False),
        ("no number", ("Acme Ltd.", None, DAY, 900, "EUR"), False),
    ],
)
def test_invoice_key(why: str, other: tuple[Any, ...], is_same: bool) -> None:
    assert (invoice_key(*KEY) == invoice_key(*other)) is is_same


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        (("Acme", None, DAY, 900, "EUR"), True),
        (("Acme", "R-17", None, None, None), True),
        (("Acme", None, None, 900, "EUR"), False),
        (("Acme", None, DAY, None, "EUR"), False),
        (("...", "R-17", DAY, 900, "EUR"), False),
        ((None, "R-17", DAY, 900, "EUR"), False),
    ],
)
def test_without_a_key_nothing_is_told(values: tuple[Any, ...], is_told: bool) -> None:
    assert (invoice_key(*values) is not None) is is_told


def test_no_planted_fault_is_accepted_and_hardly_a_sound_invoice_is_stopped() -> None:
    found = benchmark.counted(1700, 1, config.Generator(), config.InvoiceChecks(as_of=benchmark.AS_OF))
    assert all(found[f"planted {kind}"] > 0 for kind in FAULTS)
    assert found["faulty"] == 1700
    assert found["faulty accepted"] == 0
    assert found["without fitting reason"] == 0
    assert found["sound sent to review"] <= 0.005 * found["sound"]


def test_hardly_a_sound_document_is_stopped_by_what_it_prints() -> None:
    suite = config.load(CONF)
    settings = config.InvoiceChecks(as_of=benchmark.AS_OF)
    stopped = benchmark.printed_to_review(600, 1, suite.generator, settings, suite.publish, suite.field_names)
    assert stopped <= 3

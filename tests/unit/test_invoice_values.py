from __future__ import annotations

from datetime import date

import pytest

from invoicelake import config
from invoicelake.text.percentages import share_of
from invoicelake.text.quantities import quantity_of
from invoicelake.transforms.invoice_checks import invoice_values
from invoicelake.transforms.invoices import typed_values
from invoicelake.trust.invoice_checks import InvoiceValues, ItemValues, findings

PUBLISH = config.Publish(currency="MYR", day_first=True)
FOUR = {"company": "ACME", "date": "03/04/2024", "address": "HIGH ROAD", "total": "RM 9.00"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, InvoiceValues()),
        ({"total": None, "date": None}, InvoiceValues()),
        (FOUR, InvoiceValues(total_minor=900, currency="MYR", invoice_date=date(2024, 4, 3))),
        ({"total": "9.00"}, InvoiceValues(total_minor=900)),
        ({"total": "9.00", "currency": "€"}, InvoiceValues(total_minor=900, currency="EUR")),
        ({"total": "1,200", "currency": "JPY"}, InvoiceValues(total_minor=1200, currency="JPY")),
        ({"currency": "EUK"}, InvoiceValues(currency="EUK")),
        ({"rounding": "0,02", "total": "9,00"}, InvoiceValues(rounding_minor=2, total_minor=900)),
        ({"rounding": None, "total": "9,00"}, InvoiceValues(rounding_minor=0, total_minor=900)),
        (
            {"date": "9/12/2017", "due_date": "10/13/2017"},
            InvoiceValues(invoice_date=date(2017, 9, 12), due_date=date(2017, 10, 13)),
        ),
        (
            {"date": "9/12/2017", "order_date": "9/2/2017", "currency": "$"},
            InvoiceValues(invoice_date=date(2017, 9, 12), order_date=date(2017, 9, 2), currency="USD"),
        ),
        (
            {"net": "1.000,00", "tax": "190,00-", "due_date": "1. Mai 2024", "colour": "red"},
            InvoiceValues(net_minor=100000, tax_minor=-19000, due_date=date(2024, 5, 1)),
        ),
        (
            {"tax_number": "00743110157", "iban": "IT60 X054 2811 1010 0000 0123 456"},
            InvoiceValues(tax_number="00743110157", iban="IT60 X054 2811 1010 0000 0123 456", country="IT"),
        ),
    ],
)
def test_values_mean_what_they_say(values: dict[str, str | None], expected: InvoiceValues) -> None:
    assert invoice_values(values, None, PUBLISH) == expected


def test_a_rate_and_line_items_are_checked_against_the_sums() -> None:
    values = {**FOUR, "net": "8.00", "tax": "1.00", "tax_rate": "12,5", "currency": "RM"}
    items = [
        {"quantity": "2X", "unit_price": "@3.00", "amount": "RM 6.00"},
        {"quantity": None, "unit_price": None, "amount": "2.00"},
    ]
    invoice = invoice_values(values, False, PUBLISH, items)
    assert invoice.line_items == [ItemValues(2.0, 300, 600), ItemValues(None, None, 200)]
    assert (invoice.tax_rate, invoice.tax_lines) == (0.125, None)
    checks = {each.check: str(each.outcome) for each in findings(invoice, config.InvoiceChecks())}
    assert {check for check, outcome in checks.items() if outcome == "passed"} == {
        "items_multiply",
        "items_add_up",
        "net_and_tax_make_total",
        "tax_is_plausible",
        "tax_lines_multiply",
        "currency_is_known",
        "is_new",
    }
    assert "failed" not in checks.values()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2", 2.0), ("1X", 1.0), ("x3", 3.0), ("4.00xITEMs", 4.0), ("0,5 kg", 0.5), (".5", 0.5), ("", None)],
)
def test_quantities(text: str, expected: float | None) -> None:
    assert quantity_of(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("19", 0.19), ("8,25 %", 0.0825), ("7.7%", 0.077), ("0", 0.0), ("VAT", None), ("", None)],
)
def test_shares(text: str, expected: float | None) -> None:
    assert share_of(text) == expected


def test_with_the_four_fields_of_receipts_the_other_checks_are_not_checked() -> None:
    checks = config.InvoiceChecks(as_of=date(2024, 12, 31))
    found = {each.check: str(each.outcome) for each in findings(invoice_values(FOUR, False, PUBLISH), checks)}
    passed = {"currency_is_known", "date_is_past", "is_new"}
    assert found == {check: "passed" if check in passed else "not_checked" for check in found}


@pytest.mark.parametrize(
    ("currency", "expected"), [("EUR", "EUR"), ("RM", "MYR"), ("EURO", "MYR"), ("ABC", "ABC"), (None, "MYR")]
)
def test_a_published_currency_has_the_form_of_a_code(currency: str | None, expected: str) -> None:
    assert typed_values({"currency": currency, "total": "9.00"}, PUBLISH)["currency"] == expected

"""A whole document from its number: the supplier, the sale, the page and its labels."""

from __future__ import annotations

import random

from invoicelake.config import Generator
from invoicelake.sources.generated.faults import shuffled_a_little, with_faults
from invoicelake.sources.generated.invoices import invoice_rows
from invoicelake.sources.generated.printing import Printer
from invoicelake.sources.generated.receipts import receipt_rows
from invoicelake.sources.generated.sales import Sale, drawn_sale
from invoicelake.sources.generated.suppliers import Supplier, supplier
from invoicelake.sources.generated.typesetting import drawn_sheet, typeset
from invoicelake.sources.generated.wording import between, chance
from invoicelake.text.document import Document, LineItem

_DISORDER_SHARE = 0.05


def generate(index: int, seed: int, settings: Generator) -> Document:
    """Make the document of that number: always the same for the same number, seed and settings.

    A document depends on nothing but these, so any number of processes may make them in any order. Labels are
    what was printed; the faults of a poor scan come after and leave them clean.
    """
    draw = random.Random(f"{seed}/document/{index}")
    issuer, sale = _drawn(draw, seed, settings)
    printer = Printer(issuer)
    is_receipt = issuer.kind == "receipt"
    rows = receipt_rows(printer, sale) if is_receipt else invoice_rows(printer, sale)
    page_label = printer.issuer.layout.words["page"]
    sheet = drawn_sheet(draw, issuer.locale.page, is_receipt, issuer.layout.characters, page_label)
    lines, width, height = typeset(draw, rows, sheet)
    if chance(draw, settings.poor_scan_share):
        lines = with_faults(draw, lines, settings.fault_share)
    if chance(draw, _DISORDER_SHARE):
        lines = shuffled_a_little(draw, lines)
    return Document(tuple(lines), width, height, _labels(printer, sale), _line_items(printer, sale))


def issued_sale(index: int, seed: int, settings: Generator) -> tuple[Supplier, Sale]:
    """Who issues the document of that number, and for what, without the document itself."""
    return _drawn(random.Random(f"{seed}/document/{index}"), seed, settings)


def _drawn(draw: random.Random, seed: int, settings: Generator) -> tuple[Supplier, Sale]:
    issuer = supplier(between(draw, 0, settings.suppliers - 1), seed, settings.invoice_share)
    return issuer, drawn_sale(draw, issuer)


def _labels(printer: Printer, sale: Sale) -> dict[str, str]:
    """What an annotator would write down: fields that this document does not print are absent."""
    issuer, is_invoice = printer.issuer, printer.issuer.kind == "invoice"
    labels = {
        "company": issuer.party.name,
        "date": printer.date(sale.day),
        "address": " ".join(issuer.party.address),
        "total": printer.amount(sale.total_minor),
        "invoice_number": sale.number,
    }
    if "due_date" in issuer.layout.other_dates:
        labels["due_date"] = printer.date(sale.other_days["due_date"])
    if currency := printer.currency():
        labels["currency"] = currency
    if "tax_number" in issuer.layout.header:
        labels["tax_number"] = issuer.tax_number
    if is_invoice or not sale.tax_included or _is_net_printed(issuer, sale):
        labels["net"] = printer.amount(sale.net_minor)
    if len(sale.tax_lines) == 1 and (issuer.layout.tax_shown or not sale.tax_included):
        labels["tax"] = printer.amount(sale.tax_minor)
    return labels


def _is_net_printed(issuer: Supplier, sale: Sale) -> bool:
    """On a receipt with prices that include the tax: in the line or in the table below the total."""
    layout = issuer.layout
    shown = len(sale.tax_lines) == 1 if layout.tax_summary else layout.net_shown
    return layout.tax_shown and shown


def _line_items(printer: Printer, sale: Sale) -> tuple[LineItem, ...]:
    layout, is_invoice = printer.issuer.layout, printer.issuer.kind == "invoice"
    has_quantity = is_invoice or layout.item_form != "one_row"
    has_price = is_invoice or layout.item_form in ("quantity_below", "columns")
    return tuple(
        LineItem(
            description=item.description,
            quantity=str(item.quantity) if has_quantity else None,
            unit_price=printer.amount(item.unit_price_minor) if has_price else None,
            amount=printer.amount(item.amount_minor),
        )
        for item in sale.items
    )

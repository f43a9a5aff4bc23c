"""A whole document from its number: the supplier, the sale, the page and its labels."""

from __future__ import annotations

import random

from invoicelake.config import Generator
from invoicelake.sources.generated.faults import shuffled_a_little, with_faults
from invoicelake.sources.generated.invoices import invoice_rows
from invoicelake.sources.generated.labels import label_lines, printed_labels, printed_line_items
from invoicelake.sources.generated.printing import Printer
from invoicelake.sources.generated.receipts import receipt_rows
from invoicelake.sources.generated.sales import Sale, drawn_sale
from invoicelake.sources.generated.suppliers import Supplier, supplier
from invoicelake.sources.generated.typesetting import drawn_sheet, typeset
from invoicelake.sources.generated.wording import between, chance
from invoicelake.text.document import Document, Line

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
    labels = printed_labels(printer, sale)
    return Document(
        tuple(Line(*line[:6]) for line in lines),
        width,
        height,
        labels,
        printed_line_items(printer, sale, lines),
        label_lines(labels, lines),
    )


def issued_sale(index: int, seed: int, settings: Generator) -> tuple[Supplier, Sale]:
    """Who issues the document of that number, and for what, without the document itself."""
    return _drawn(random.Random(f"{seed}/document/{index}"), seed, settings)


def _drawn(draw: random.Random, seed: int, settings: Generator) -> tuple[Supplier, Sale]:
    issuer = supplier(between(draw, 0, settings.suppliers - 1), seed, settings.invoice_share)
    return issuer, drawn_sale(draw, issuer)

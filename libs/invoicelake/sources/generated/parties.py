"""Blocks of rows that receipts and invoices share: who issues the document, and its last words."""

from __future__ import annotations

from invoicelake.sources.generated.paper import Row, text_row
from invoicelake.sources.generated.printing import Printer
from invoicelake.sources.generated.suppliers import Party


def issuer_rows(printer: Printer, name_size: float) -> list[Row]:
    """The supplier's name, address and numbers, in the supplier's order."""
    issuer, align = printer.issuer, printer.issuer.layout.header_align
    entries = {
        "address": issuer.party.address,
        "registration": (issuer.registration,),
        "telephone": (printer.inline("telephone", issuer.telephone),),
        "tax_number": (printer.inline("tax_number", issuer.tax_number),),
    }
    rows = [text_row(issuer.brand, align, 1.6)] if issuer.brand and issuer.layout.brand_first else []
    rows.append(text_row(issuer.party.name, align, name_size))
    rows += [text_row(text, align) for entry in issuer.layout.header for text in entries[entry]]
    return rows


def buyer_rows(printer: Printer, buyer: Party) -> list[Row]:
    """The customer's name and address under a label."""
    layout = printer.issuer.layout
    texts = [f"{printer.word('bill_to')}{layout.separator}", buyer.name, *buyer.address]
    return [text_row(layout.case(text)) for text in texts]


def closing_rows(printer: Printer, align: float) -> list[Row]:
    """Thanks, terms and notes."""
    layout = printer.issuer.layout
    return [text_row(layout.case(sentence), align, gap=0.2) for sentence in layout.closing]


def rule_row(printer: Printer) -> list[Row]:
    """A printed rule across the page, where the supplier uses them."""
    layout = printer.issuer.layout
    return [text_row(layout.rule * (layout.characters - 6), 0.5)] if layout.rule else []

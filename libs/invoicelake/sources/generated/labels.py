"""What an annotator would write down of a generated document: what it does not print is absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from invoicelake.sources.generated.numbers import has_iban
from invoicelake.sources.generated.paper import SetLine
from invoicelake.sources.generated.printing import Printer
from invoicelake.sources.generated.sales import Sale
from invoicelake.sources.generated.suppliers import Supplier
from invoicelake.text.amounts import find_currencies
from invoicelake.text.document import LineItem


def printed_labels(printer: Printer, sale: Sale) -> dict[str, str]:
    """The value of each field that this document prints."""
    issuer = printer.issuer
    labels = {
        "company": issuer.party.name,
        "date": printer.date(sale.day),
        "address": " ".join(issuer.party.address),
        "total": printer.amount(sale.total_minor),
        "invoice_number": sale.number,
    }
    labels |= {name: printer.date(sale.other_days[name]) for name in issuer.layout.other_dates}
    references = {"order_number": sale.order_number, "customer_number": sale.customer_number}
    labels |= {name: references[name] for name in issuer.layout.references}
    if currency := _currency(printer, sale):
        labels["currency"] = currency
    if "tax_number" in issuer.layout.header:
        labels["tax_number"] = issuer.tax_number
    if _is_invoice(issuer) and issuer.layout.bank_shown and has_iban(issuer.country):
        labels["iban"] = issuer.account
    return labels | _sums(printer, sale)


def label_lines(labels: Mapping[str, str], lines: Sequence[SetLine]) -> dict[str, tuple[int, ...]]:
    """The lines that values stand in, where printing says so: those of sums, which may be printed twice."""
    found: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(lines):
        if line.item is None:
            found |= {name: (*found.get(name, ()), number) for name in line.parts if name in labels}
    return found


def printed_line_items(printer: Printer, sale: Sale, lines: Sequence[SetLine]) -> tuple[LineItem, ...]:
    """The line items, with the parts that this document prints and the lines that they stand in."""
    layout, is_invoice = printer.issuer.layout, _is_invoice(printer.issuer)
    has_quantity = is_invoice or layout.item_form != "one_row"
    has_price = is_invoice or layout.item_form in ("quantity_below", "columns")
    return tuple(
        LineItem(
            description=item.description,
            quantity=str(item.quantity) if has_quantity else None,
            unit_price=printer.amount(item.unit_price_minor) if has_price else None,
            amount=printer.amount(item.amount_minor),
            part_lines=_part_lines(place, lines),
        )
        for place, item in enumerate(sale.items)
    )


def _part_lines(item: int, lines: Sequence[SetLine]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(lines):
        if line.item == item:
            found |= {part: (*found.get(part, ()), number) for part in line.parts}
    return found


def _sums(printer: Printer, sale: Sale) -> dict[str, str]:
    issuer, labels = printer.issuer, {}
    if _is_invoice(issuer) or not sale.tax_included or _is_net_printed(issuer, sale):
        labels["net"] = printer.amount(sale.net_minor)
    if len(sale.tax_lines) == 1 and (issuer.layout.tax_shown or not sale.tax_included):
        labels["tax"] = printer.amount(sale.tax_minor)
        labels["tax_rate"] = printer.rate(sale.tax_lines[0].rate)
    if sale.rounding_minor:
        labels["rounding"] = printer.amount(sale.rounding_minor)
    return labels if _is_invoice(issuer) else labels | _paid(printer, sale)


def _paid(printer: Printer, sale: Sale) -> dict[str, str]:
    """On a receipt: what is owed before rounding, and how it was paid."""
    is_subtotal_shown = sale.tax_included and (printer.issuer.layout.subtotal_shown or sale.rounding_minor)
    gross = printer.amount(sale.net_minor + sale.tax_minor)
    labels = {"subtotal": gross} if is_subtotal_shown else {}
    if not sale.in_cash:
        return labels | {"card": printer.amount(sale.paid_minor)}
    change = printer.amount(sale.paid_minor - sale.total_minor)
    return labels | {"cash": printer.amount(sale.paid_minor), "change": change}


def _is_invoice(issuer: Supplier) -> bool:
    return issuer.kind == "invoice"


def _is_net_printed(issuer: Supplier, sale: Sale) -> bool:
    """On a receipt with prices that include the tax: in the line or in the table below the total."""
    layout = issuer.layout
    shown = len(sale.tax_lines) == 1 if layout.tax_summary else layout.net_shown
    return layout.tax_shown and shown


def _currency(printer: Printer, sale: Sale) -> str | None:
    """The currency beside an amount, or else in a label, as in `TOTAL CHF`."""
    if printed := printer.currency():
        return printed
    is_invoice = _is_invoice(printer.issuer)
    names = ["invoice_total" if is_invoice else "total"]
    names += ["amount"] if is_invoice or printer.issuer.layout.item_head else []
    names += ["cash"] if sale.in_cash else []
    found = [match.text for name in names for match in find_currencies(printer.word(name))]
    return found[0] if found else None

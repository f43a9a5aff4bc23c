"""The rows of an invoice: a supplier, a customer, dates and numbers, a table of items and what is owed."""

from __future__ import annotations

from invoicelake.sources.generated.paper import Cell, Row, beside, moved, text_row
from invoicelake.sources.generated.parties import buyer_rows, closing_rows, issuer_rows, rule_row
from invoicelake.sources.generated.printing import Printer
from invoicelake.sources.generated.sales import Item, Sale

_WIDTHS = {"position": 0.08, "quantity": 0.11, "unit_price": 0.17, "amount": 0.17}
_RIGHT_X = 0.58


def invoice_rows(printer: Printer, sale: Sale) -> list[Row]:
    """The whole invoice from top to bottom; page breaks come later."""
    return [
        *_head_rows(printer, sale),
        Row((), gap=0.6),
        *_table_rows(printer, sale),
        *rule_row(printer),
        *_sum_rows(printer, sale),
        Row((), gap=0.6),
        *_bank_rows(printer),
        *closing_rows(printer, 0.0),
    ]


def _head_rows(printer: Printer, sale: Sale) -> list[Row]:
    frame = printer.issuer.layout.frame
    issuer, buyer = issuer_rows(printer, name_size=1.4), buyer_rows(printer, sale.buyer)
    title = [text_row(printer.word("invoice_title"), size=1.6, gap=0.8)]
    space = [Row((), gap=0.5)]
    if frame == "meta_beside":
        right = [*moved(title, _RIGHT_X), *_meta_rows(printer, sale, _RIGHT_X)]
        return [*beside(moved(issuer, 0.0), right), *space, *buyer]
    meta = _meta_rows(printer, sale, 0.0)
    if frame == "parties_beside":
        seller = [text_row(f"{printer.word('seller')}{printer.issuer.layout.separator}"), *moved(issuer, 0.0)]
        return [*title, *meta, *space, *beside(seller, moved(buyer, _RIGHT_X))]
    if frame == "title_first":
        return [*title, *issuer, *space, *buyer, *space, *meta]
    return [*issuer, *title, *meta, *space, *buyer]


def _meta_rows(printer: Printer, sale: Sale, x: float) -> list[Row]:
    layout = printer.issuer.layout
    entries = [("invoice_number", sale.number), ("invoice_date", printer.date(sale.day))]
    if layout.date_first:
        entries.reverse()
    entries += [(name, printer.date(sale.other_days[name])) for name in layout.other_dates]
    references = {"order_number": sale.order_number, "customer_number": sale.customer_number}
    entries += [(name, references[name]) for name in layout.references]
    if layout.place == "below" and x == 0.0:
        return _in_columns(printer, entries)
    return [row for name, value in entries for row in printer.labelled(name, value, x, x + 0.22)]


def _in_columns(printer: Printer, entries: list[tuple[str, str]]) -> list[Row]:
    """Labels in one row and the values in the next, three at a time."""
    rows = []
    for start in range(0, len(entries), 3):
        part = list(zip(entries[start : start + 3], (0.0, 0.34, 0.68), strict=False))
        rows.append(Row(tuple(Cell(printer.word(name), x) for (name, _), x in part), gap=0.3))
        rows.append(Row(tuple(Cell(value, x) for (_, value), x in part)))
    return rows


def _table_rows(printer: Printer, sale: Sale) -> list[Row]:
    columns = printer.issuer.layout.columns
    head = {column: printer.word(column) for column in columns}
    rows = [_table_row(columns, head)]
    for number, item in enumerate(sale.items, start=1):
        rows.append(_table_row(columns, _values(printer, item, number))._replace(item=number - 1))
    return rows


def _values(printer: Printer, item: Item, number: int) -> dict[str, str]:
    return {
        "position": str(number),
        "description": item.description,
        "quantity": str(item.quantity),
        "unit_price": printer.money(item.unit_price_minor),
        "amount": printer.money(item.amount_minor),
    }


def _table_row(columns: tuple[str, ...], values: dict[str, str]) -> Row:
    """Numbers end at the right edge of their column, everything else starts at its left edge."""
    description_width = 1.0 - sum(_WIDTHS.get(column, 0.0) for column in columns)
    cells, left = [], 0.0
    for place, column in enumerate(columns):
        width = _WIDTHS.get(column, description_width)
        is_text = column in ("description", "position") or place == 0
        x, align = (left, 0.0) if is_text else (left + width, 1.0)
        cells.append(Cell(values[column], x, align, parts=(column,) if column != "position" else ()))
        left += width
    return Row(tuple(cells), gap=0.1)


def _sum_rows(printer: Printer, sale: Sale) -> list[Row]:
    rows = [printer.summed("net", printer.word("net"), printer.money(sale.net_minor), gap=0.4)]
    for line in sale.tax_lines:
        label = printer.word("tax", rate=printer.rate(line.rate))
        rows.append(printer.summed("tax", label, printer.money(line.tax_minor)))
    return [*rows, printer.total("invoice_total", sale.total_minor)]


def _bank_rows(printer: Printer) -> list[Row]:
    if not printer.issuer.layout.bank_shown:
        return []
    return [text_row(printer.inline("bank", printer.issuer.account))]

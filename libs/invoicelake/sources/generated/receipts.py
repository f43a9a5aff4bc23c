"""The rows of a receipt: narrow, one column, paid on the spot."""

from __future__ import annotations

from invoicelake.sources.generated.paper import Cell, Row, text_row
from invoicelake.sources.generated.parties import closing_rows, issuer_rows, rule_row
from invoicelake.sources.generated.printing import Printer
from invoicelake.sources.generated.sales import Item, Sale

_QUANTITY_X, _PRICE_X = 0.6, 0.8


def receipt_rows(printer: Printer, sale: Sale) -> list[Row]:
    """The whole receipt from top to bottom."""
    layout = printer.issuer.layout
    head, title = issuer_rows(printer, name_size=1.2), []
    if layout.title_shown:
        title = [text_row(printer.word("receipt_title"), layout.header_align, gap=0.5)]
    dates = _date_rows(printer, sale)
    return [
        *(title + head if layout.title_first else head + title),
        *_meta_rows(printer, sale, [] if layout.date_at_end else dates),
        *rule_row(printer),
        *_item_rows(printer, sale),
        *rule_row(printer),
        *_sum_rows(printer, sale),
        *_payment_rows(printer, sale),
        *_tax_rows(printer, sale),
        *(dates if layout.date_at_end else []),
        *closing_rows(printer, layout.header_align),
    ]


def _date_rows(printer: Printer, sale: Sale) -> list[Row]:
    layout = printer.issuer.layout
    value, time = printer.date(sale.day), printer.time(sale.time)
    if layout.time_in_date:
        value = f"{value} {time}"
    rows = printer.labelled("date", value) if layout.date_labelled else [text_row(value)]
    if not layout.time_in_date:
        text = printer.inline("time", time) if layout.date_labelled else time
        rows[0] = Row((*rows[0].cells, Cell(text, 1.0, 1.0)))
    return [Row(rows[0].cells, gap=0.4), *rows[1:]]


def _meta_rows(printer: Printer, sale: Sale, dates: list[Row]) -> list[Row]:
    number = printer.labelled("receipt_number", sale.number)
    served = printer.labelled("cashier", printer.issuer.layout.case(sale.served_by))
    is_eaten_here = printer.issuer.trade == "food"
    table = printer.labelled("table", sale.table) if is_eaten_here else []
    if printer.issuer.layout.date_first:
        return [*dates, *number, *table, *served]
    return [*number, *served, *dates, *table]


def _item_rows(printer: Printer, sale: Sale) -> list[Row]:
    head = [_item_head(printer)] if printer.issuer.layout.item_head else []
    return head + [
        row._replace(item=number)
        for number, item in enumerate(sale.items)
        for row in _rows_of_item(printer, item)
    ]


def _item_head(printer: Printer) -> Row:
    cells = [Cell(printer.word("description"), 0.0), Cell(printer.word("amount"), 1.0, 1.0)]
    if printer.issuer.layout.item_form == "columns":
        cells[1:1] = [
            Cell(printer.word("quantity"), _QUANTITY_X, 1.0),
            Cell(printer.word("unit_price"), _PRICE_X, 1.0),
        ]
    return Row(tuple(cells), gap=0.4)


def _rows_of_item(printer: Printer, item: Item) -> list[Row]:
    price, form = printer.money(item.unit_price_minor), printer.issuer.layout.item_form
    description = Cell(item.description, 0.0, parts=("description",))
    amount = Cell(printer.money(item.amount_minor), 1.0, 1.0, parts=("amount",))
    quantity = Cell(str(item.quantity), 0.0, parts=("quantity",))
    if form == "quantity_below":
        sum_of = Cell(f"{item.quantity} x {price}", 0.08, parts=("quantity", "unit_price"))
        return [Row((description,)), Row((sum_of, amount))]
    if form == "quantity_first":
        return [Row((quantity, description._replace(x=0.1), amount))]
    if form == "columns":
        middle = (
            quantity._replace(x=_QUANTITY_X, align=1.0),
            Cell(price, _PRICE_X, 1.0, parts=("unit_price",)),
        )
        return [Row((description, *middle, amount))]
    return [Row((description, amount))]


def _sum_rows(printer: Printer, sale: Sale) -> list[Row]:
    """Everything down to the total, which comes last."""
    layout = printer.issuer.layout
    rows = [text_row(printer.word("item_count", n=len(sale.items)))] if layout.count_shown else []
    if not sale.tax_included:
        rows.append(printer.summed("net", printer.word("net"), printer.money(sale.net_minor)))
        for line in sale.tax_lines:
            label = printer.word("tax", rate=printer.rate(line.rate))
            rows.append(printer.summed("tax", label, printer.money(line.tax_minor)))
    elif layout.subtotal_shown or sale.rounding_minor:
        gross = sale.net_minor + sale.tax_minor
        rows.append(printer.summed("subtotal", printer.word("subtotal"), printer.money(gross)))
    if sale.rounding_minor:
        rows.append(printer.summed("rounding", printer.word("rounding"), printer.money(sale.rounding_minor)))
    return [*rows, printer.total("total", sale.total_minor)]


def _payment_rows(printer: Printer, sale: Sale) -> list[Row]:
    if not sale.in_cash:
        return [printer.summed("card", printer.word("card"), printer.money(sale.paid_minor))]
    change = sale.paid_minor - sale.total_minor
    return [
        printer.summed("cash", printer.word("cash"), printer.money(sale.paid_minor)),
        printer.summed("change", printer.word("change"), printer.money(change)),
    ]


def _tax_rows(printer: Printer, sale: Sale) -> list[Row]:
    """The tax that the total contains, as a table or a line a rate."""
    layout = printer.issuer.layout
    if not (sale.tax_included and layout.tax_shown):
        return []
    if layout.tax_summary:
        return _tax_table(printer, sale)
    net = (
        [printer.summed("net", printer.word("net"), printer.money(sale.net_minor))]
        if layout.net_shown
        else []
    )
    return net + [
        printer.summed(
            "tax", printer.word("tax_included", rate=printer.rate(line.rate)), printer.money(line.tax_minor)
        )
        for line in sale.tax_lines
    ]


def _tax_table(printer: Printer, sale: Sale) -> list[Row]:
    rows = [text_row(printer.word("tax_summary"), gap=0.5)]
    for line in sale.tax_lines:
        gross = line.net_minor + line.tax_minor
        amounts = [printer.amount(value) for value in (line.net_minor, line.tax_minor, gross)]
        cells = [Cell(text, x, 1.0) for text, x in zip(amounts, (0.45, 0.7, 1.0), strict=True)]
        rows.append(Row((Cell(f"{printer.rate(line.rate)}%", 0.0), *cells)))
    return rows

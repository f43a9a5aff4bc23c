"""What kind of entry a ledger line is."""

from __future__ import annotations

from pyspark.sql import Column, functions as F

# Codes of what is no product. Online Retail's, and PURCHASE for what is booked from a supplier's invoice.
SERVICES = {
    "POST": "postage",
    "DOT": "postage",
    "C2": "postage",
    "D": "discount",
    "S": "sample",
    "B": "bad_debt",
    "BANK CHARGES": "fee",
    "AMAZONFEE": "fee",
    "CRUK": "fee",
    "M": "other",
    "PURCHASE": "purchase",
}
CANCELLING_KINDS = ("cancellation", "postage", "other")


def is_product(stock_code: Column) -> Column:
    """Whether a stock code stands for goods; null: no code."""
    return ~stock_code.isin(*SERVICES)


def is_cancelling(invoice_number: Column) -> Column:
    """Whether an invoice number is that of a credit note, which begins with C."""
    return F.upper(invoice_number).startswith("C")


def kind(
    invoice_number: Column, stock_code: Column, quantity: Column, unit_price: Column, customer: Column
) -> Column:
    """One of the kinds of silver.ledger_entry; the first of these rules that fits decides.

    A bad debt's invoice number begins with A. A service's code settles the kind, on credit notes too: what is
    taken back of postage is postage. Goods at no price are a sample where a customer is named, and else an
    adjustment of the stock. Goods on a credit note are a cancellation. What is left and has a positive
    quantity and price is a sale; anything else (money for a negative quantity on an ordinary invoice) is
    `other`.
    """
    by_code = F.coalesce(*(F.when(stock_code == code, F.lit(named)) for code, named in SERVICES.items()))
    return (
        F.when(F.upper(invoice_number).startswith("A"), "bad_debt")
        .when(by_code.isNotNull(), by_code)
        .when((unit_price == 0) & customer.isNotNull() & (quantity > 0), "sample")
        .when(unit_price == 0, "stock_adjustment")
        .when(is_cancelling(invoice_number), "cancellation")
        .when((quantity > 0) & (unit_price > 0), "sale")
        .otherwise("other")
    )

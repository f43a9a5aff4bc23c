"""The true values of a generated document, typed, as if all of them had been read without a mistake."""

from __future__ import annotations

from invoicelake.config import Generator
from invoicelake.sources.generated.documents import issued_sale
from invoicelake.sources.generated.numbers import has_iban
from invoicelake.sources.generated.sales import Sale
from invoicelake.text.amounts import currency_exponent
from invoicelake.trust.invoice_checks import InvoiceValues, ItemValues, TaxValues

_RATE_UNIT = 10_000


def invoice_values(index: int, seed: int, settings: Generator) -> InvoiceValues:
    """What the document of that number says."""
    issuer, sale = issued_sale(index, seed, settings)
    factor = 10 ** (currency_exponent(issuer.locale.currency) - issuer.locale.decimals)
    return InvoiceValues(
        net_minor=sale.net_minor * factor,
        tax_minor=sale.tax_minor * factor,
        rounding_minor=sale.rounding_minor * factor,
        total_minor=sale.total_minor * factor,
        currency=issuer.locale.currency,
        invoice_date=sale.day,
        order_date=sale.other_days["order_date"],
        due_date=sale.other_days["due_date"],
        tax_number=issuer.tax_number,
        iban=issuer.account if has_iban(issuer.country) else None,
        line_items=_items(sale, factor),
        tax_lines=tuple(
            TaxValues(line.rate / _RATE_UNIT, line.net_minor * factor, line.tax_minor * factor)
            for line in sale.tax_lines
        ),
        country=issuer.country,
        seen_before=False,
    )


def invoice_number(index: int, seed: int, settings: Generator) -> tuple[str, str]:
    """The supplier and the invoice's number."""
    issuer, sale = issued_sale(index, seed, settings)
    return issuer.party.name, sale.number


def _items(sale: Sale, factor: int) -> tuple[ItemValues, ...]:
    return tuple(
        ItemValues(item.quantity, item.unit_price_minor * factor, item.amount_minor * factor)
        for item in sale.items
    )

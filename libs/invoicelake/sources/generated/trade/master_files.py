"""The generated company's master data: files as exported from a database, with the faults of such data.

A share of suppliers and customers is there twice, under another number and spelling; `true_entities` tells.
"""

from __future__ import annotations

import csv
import datetime
import io
import random
from collections.abc import Iterator, Sequence

from invoicelake import config
from invoicelake.sources.generated.suppliers import Supplier
from invoicelake.sources.generated.trade.respelling import respelt_address, respelt_name
from invoicelake.sources.generated.trade.world import COUNTRIES, customers, products, suppliers
from invoicelake.sources.generated.wording import LOCALES, chance, pick

_TWICE_SHARE = 0.25
_NEVER_CHANGED_SHARE = 0.02
_REWORDED_SHARE = 0.04
_FIRST_CHANGE = datetime.datetime(2024, 1, 1, 6)
_SPELLINGS = {
    "United Kingdom": ("United Kingdom", "UK", "GB", "Great Britain"), "Germany": ("Germany", "Deutschland"),
    "France": ("France", "FR", "FRA"), "Spain": ("Spain", "España", "724"), "Italy": ("Italy", "Italia"),
    "Netherlands": ("Netherlands", "The Netherlands", "Holland"), "Switzerland": ("Schweiz", "CH"),
    "USA": ("USA", "United States", "US"), "Malaysia": ("Malaysia", "MY"), "Indonesia": ("Indonesia", "ID"),
}  # fmt: skip
_COUNTRIES = (
    ("Africa", "ZA South Africa ZAR,EG Egypt EGP,NG Nigeria NGN,MA Morocco MAD"),
    ("Americas", "US United States USD,CA Canada CAD,BR Brazil BRL,MX Mexico MXN"),
    (
        "Asia",
        "AE United Arab Emirates AED,BH Bahrain BHD,HK Hong Kong HKD,ID Indonesia IDR,IL Israel ILS,"
        "IN India INR,JP Japan JPY,LB Lebanon LBP,MY Malaysia MYR,SA Saudi Arabia SAR,SG Singapore SGD",
    ),
    (
        "Europe",
        "AT Austria EUR,BE Belgium EUR,CH Switzerland CHF,CY Cyprus EUR,CZ Czechia CZK,DE Germany EUR,"
        "DK Denmark DKK,ES Spain EUR,FI Finland EUR,FR France EUR,GB United Kingdom GBP,GG Guernsey GBP,"
        "GR Greece EUR,IE Ireland EUR,IS Iceland ISK,IT Italy EUR,JE Jersey GBP,LT Lithuania EUR,"
        "MT Malta EUR,NL Netherlands EUR,NO Norway NOK,PL Poland PLN,PT Portugal EUR,SE Sweden SEK",
    ),
    ("Oceania", "AU Australia AUD,NZ New Zealand NZD"),
)
Row = Sequence[object]


def master_files(suite: config.Suite) -> dict[str, bytes]:
    """Name and content of the files, in the columns of the database's tables."""
    return {
        "supplier.csv": _as_csv(
            "supplier_id,name,address,country,currency,tax_number,iban",
            (row for _, row in _supplier_rows(suite)),
        ),
        "customer.csv": _as_csv(
            "customer_id,name,address,country", (row for _, row in _customer_rows(suite))
        ),
        "product.csv": _as_csv(
            "stock_code,description,product_group,unit_price,currency", _product_rows(suite)
        ),
        "country.csv": _as_csv("country_code,name,region,currency", _country_rows()),
    }


def true_entities(suite: config.Suite) -> dict[tuple[str, str], str]:
    """Who is who: an entity for each kind (`supplier`, `customer`) and number of the generated files."""
    found = {("supplier", str(row[0])): entity for entity, row in _supplier_rows(suite)}
    return found | {("customer", str(row[0])): entity for entity, row in _customer_rows(suite)}


def _supplier_rows(suite: config.Suite) -> Iterator[tuple[str, Row]]:
    """Entity and row; all first entries, then those who are there twice."""
    settings = suite.generator
    issuers = suppliers(suite.seed, settings.suppliers, settings.invoice_share)
    for number, issuer in enumerate(issuers):
        country = COUNTRIES[LOCALES[number % len(LOCALES)]]
        address = ", ".join(line.strip(" ,") for line in issuer.party.address)
        numbers = (issuer.tax_number, issuer.account)
        yield (
            f"s{number}",
            (f"S{10001 + number}", issuer.party.name, address, country, issuer.locale.currency, *numbers),
        )
    for number, issuer in enumerate(issuers):
        draw = random.Random(f"{suite.seed}/master/supplier/{number}")
        if chance(draw, _TWICE_SHARE):
            yield f"s{number}", _supplier_again(draw, number, issuer)


def _supplier_again(draw: random.Random, number: int, issuer: Supplier) -> Row:
    country = pick(draw, _SPELLINGS[COUNTRIES[LOCALES[number % len(LOCALES)]]])
    tax_number = issuer.tax_number.replace(" ", "") if chance(draw, 0.5) else ""
    return (
        f"S{50001 + number}",
        respelt_name(draw, issuer.party.name),
        respelt_address(draw, issuer.party.address),
        country,
        issuer.locale.currency,
        tax_number,
        issuer.account if chance(draw, 0.3) else "",
    )


def _customer_rows(suite: config.Suite) -> Iterator[tuple[str, Row]]:
    buyers = customers(suite.seed, suite.trade.customers)
    for buyer in buyers:
        yield f"c{buyer.customer_id}", (buyer.customer_id, buyer.name, buyer.address, buyer.country)
    for buyer in buyers:
        draw = random.Random(f"{suite.seed}/master/customer/{buyer.customer_id}")
        if chance(draw, _TWICE_SHARE):
            address = respelt_address(draw, tuple(buyer.address.split(", ")))
            country = pick(draw, _SPELLINGS[buyer.country])
            number = str(80_000_000 + int(buyer.customer_id))
            yield f"c{buyer.customer_id}", (number, respelt_name(draw, buyer.name), address, country)


def _product_rows(suite: config.Suite) -> Iterator[Row]:
    for product in products(suite.seed, suite.trade.products):
        draw = random.Random(f"{suite.seed}/master/product/{product.stock_code}")
        words = product.description.split()
        reworded = f"{' '.join(words[1:])}, {words[0]}"
        description = reworded if chance(draw, _REWORDED_SHARE) else product.description
        price = f"{product.price_minor // 100}.{product.price_minor % 100:02}"
        yield product.stock_code, description, product.group, price, suite.ledger.currency


def _country_rows() -> Iterator[Row]:
    for region, listed in _COUNTRIES:
        for each in listed.split(","):
            code, *name, currency = each.split()
            yield code, " ".join(name), region, currency


def _as_csv(columns: str, rows: Iterator[Row]) -> bytes:
    """The rows with a primary key before and the time of the last change after their columns."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["id", *columns.split(","), "updated_at"])
    for number, row in enumerate(rows, start=1):
        draw = random.Random(f"{columns}/{row[0]}")
        changed = _FIRST_CHANGE + datetime.timedelta(minutes=37 * number)
        writer.writerow([number, *row, "" if chance(draw, _NEVER_CHANGED_SHARE) else f"{changed} UTC"])
    return written.getvalue().encode()

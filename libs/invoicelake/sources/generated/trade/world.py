"""Customers, products and suppliers of the generated company: the same for the same seed, in every source."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache

from invoicelake.sources.generated.suppliers import Supplier, drawn_party, supplier
from invoicelake.sources.generated.wording import LOCALES, between, locale, pick

COUNTRIES = {
    "en_GB": "United Kingdom",
    "de_DE": "Germany",
    "fr_FR": "France",
    "es_ES": "Spain",
    "it_IT": "Italy",
    "nl_NL": "Netherlands",
    "de_CH": "Switzerland",
    "en_US": "USA",
    "ms_MY": "Malaysia",
    "id_ID": "Indonesia",
}
_GROUPS = ("KITCHEN", "GARDEN", "PARTY", "OFFICE", "LIGHTING", "TOYS", "TEXTILE", "GIFT")
_COLOURS = ("RED", "BLUE", "PINK", "WHITE", "GREEN", "IVORY", "BLACK", "VINTAGE", "RETRO", "ANTIQUE")
_THINGS = (
    "MUG", "LANTERN", "BUNTING", "CAKE STAND", "HOT WATER BOTTLE", "T-LIGHT HOLDER", "LUNCH BOX", "DOORMAT",
    "PHOTO FRAME", "CLOCK", "TEA TOWEL", "STORAGE TIN", "PAPER CHAIN", "JAM JAR", "WALL HOOK", "NOTEBOOK",
)  # fmt: skip
_MOTIFS = ("HEART", "SPOT", "ROSE", "STAR", "OWL", "PAISLEY", "STRIPE", "DOILY", "BIRD", "SKULL", "")


@dataclass(frozen=True)
class Customer:
    """Who the company sells to."""

    customer_id: str
    name: str
    address: str
    country: str


@dataclass(frozen=True)
class Product:
    """What it sells, at a price in minor units."""

    stock_code: str
    description: str
    group: str
    price_minor: int


@lru_cache(maxsize=8)
def customers(seed: int, count: int) -> tuple[Customer, ...]:
    """The company's customers; two thirds are at home."""
    found = []
    for number in range(count):
        draw = random.Random(f"{seed}/customer/{number}")
        language = "en_GB" if draw.random() < 0.67 else pick(draw, LOCALES)
        party = drawn_party(draw, locale(language))
        address = ", ".join(party.address)
        found.append(Customer(str(12346 + 7 * number), party.name, address, COUNTRIES[language]))
    return tuple(found)


@lru_cache(maxsize=8)
def products(seed: int, count: int) -> tuple[Product, ...]:
    """The company's products, no two with the same description."""
    found: dict[str, Product] = {}
    draw = random.Random(f"{seed}/products")
    while len(found) < count:
        words = (pick(draw, _COLOURS), pick(draw, _MOTIFS), pick(draw, _THINGS))
        description = " ".join(word for word in words if word)
        if description in found:
            description = f"{description} {between(draw, 2, 999)}"
        code = f"{20000 + 13 * len(found)}{pick(draw, ('', '', '', 'A', 'B'))}"
        price_minor = pick(draw, (42, 85, 125, 165, 195, 255, 295, 375, 495, 795, 1295))
        found.setdefault(description, Product(code, description, pick(draw, _GROUPS), price_minor))
    return tuple(found.values())


def suppliers(seed: int, count: int, invoice_share: float) -> tuple[Supplier, ...]:
    """Who issues the generated documents."""
    return tuple(supplier(number, seed, invoice_share) for number in range(count))

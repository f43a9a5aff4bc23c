"""Who issues the documents: a supplier keeps its name, address, number format and layout."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from invoicelake.sources.generated.layouts import Layout, drawn_layout
from invoicelake.sources.generated.numbers import drawn_account, drawn_tax_number
from invoicelake.sources.generated.wording import (
    LOCALES,
    Locale,
    Trade,
    between,
    chance,
    filled,
    locale,
    pick,
)

Kind = Literal["receipt", "invoice"]
_SYLLABLES = (
    "nor", "va", "lux", "mer", "tek", "ri", "sol", "dan", "ka", "vel", "pri", "mon", "zen", "ta", "bri", "or"
)  # fmt: skip


@dataclass(frozen=True)
class Party:
    """A name and an address as printed, line by line."""

    name: str
    address: tuple[str, ...]


@dataclass(frozen=True)
class Supplier:
    """An issuer of receipts or of invoices.

    Attributes:
        brand: the invented word in its name, if there is one.
        country: ISO 3166 code.
        account: of its bank, an IBAN where the country has them.
    """

    party: Party
    brand: str | None
    kind: Kind
    trade: Trade
    locale: Locale
    country: str
    tax_number: str
    registration: str
    telephone: str
    account: str
    layout: Layout


@lru_cache(maxsize=100_000)
def supplier(number: int, seed: int, invoice_share: float) -> Supplier:
    """The supplier of that number; neighbours in number differ in language, so few suppliers cover many."""
    draw = random.Random(f"{seed}/supplier/{number}")
    name_of_locale = LOCALES[number % len(LOCALES)]
    words, country = locale(name_of_locale), name_of_locale[-2:]
    kind: Kind = "invoice" if chance(draw, invoice_share) else "receipt"
    trade: Trade = _trade(draw, kind)
    brand = _brand(draw)
    name = _company(draw, words, trade, brand)
    layout = drawn_layout(draw, kind, trade, words)
    city = pick(draw, words.cities)
    registration = filled(draw, pick(draw, words.registration_forms)).format(city=city)
    address = drawn_address(draw, words, layout.address_lines)
    return Supplier(
        party=Party(_cased(name, layout), _cased_lines(address, layout)),
        brand=_cased(brand, layout) if brand in name else None,
        kind=kind,
        trade=trade,
        locale=words,
        country=country,
        tax_number=drawn_tax_number(draw, words.tax_number_form, country),
        registration=_cased(registration, layout),
        telephone=filled(draw, pick(draw, words.phone_forms)),
        account=drawn_account(draw, country),
        layout=layout,
    )


def drawn_party(draw: random.Random, words: Locale) -> Party:
    """A customer: mostly a company, sometimes a person."""
    if chance(draw, 0.7):
        name = _company(draw, words, pick(draw, ("shop", "food", "service")), _brand(draw))
    else:
        name = f"{pick(draw, words.first_names)} {pick(draw, words.surnames)}"
    return Party(name, drawn_address(draw, words, between(draw, 2, 3)))


def drawn_address(draw: random.Random, words: Locale, lines: int) -> tuple[str, ...]:
    """An address on that many lines, or on fewer where it has fewer parts."""
    parts = [_address_part(draw, words, form) for form in pick(draw, words.address_forms)]
    while len(parts) > lines:
        joint = between(draw, 0, len(parts) - 2)
        parts[joint : joint + 2] = [f"{parts[joint]}, {parts[joint + 1]}"]
    return tuple(parts)


def _address_part(draw: random.Random, words: Locale, form: str) -> str:
    return form.format(
        street=pick(draw, words.streets),
        number=between(draw, 1, words.house_number),
        postcode=filled(draw, words.postcode),
        city=pick(draw, words.cities),
        region=pick(draw, words.regions),
        extra=pick(draw, words.extras).format(n=between(draw, 1, 30)),
        n=between(draw, 1, 39),
    )


def _company(draw: random.Random, words: Locale, trade: Trade, brand: str) -> str:
    return pick(draw, words.company_forms).format(
        surname=pick(draw, words.surnames),
        surname2=pick(draw, words.surnames),
        trade=pick(draw, words.trades[trade]),
        legal=pick(draw, words.legal_forms),
        city=pick(draw, words.cities),
        brand=brand,
    )


def _trade(draw: random.Random, kind: Kind) -> Trade:
    if kind == "invoice":
        return "service" if chance(draw, 0.7) else "shop"
    return "food" if chance(draw, 0.45) else "shop"


def _brand(draw: random.Random) -> str:
    return "".join(pick(draw, _SYLLABLES) for _ in range(between(draw, 2, 3))).capitalize()


def _cased(text: str, layout: Layout) -> str:
    return text.upper() if layout.upper else text


def _cased_lines(lines: tuple[str, ...], layout: Layout) -> tuple[str, ...]:
    mark = "," if layout.address_commas else ""
    return (*(_cased(line + mark, layout) for line in lines[:-1]), _cased(lines[-1], layout))

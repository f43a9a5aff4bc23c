"""What documents of a country say and how they write dates and amounts; one JSON file a locale."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

LOCALES = (
    "en_GB",
    "de_DE",
    "fr_FR",
    "ms_MY",
    "es_ES",
    "en_US",
    "it_IT",
    "nl_NL",
    "id_ID",
    "de_CH",
)
Trade = Literal["shop", "food", "service"]
T = TypeVar("T")


class Locale(BaseModel):
    """Words and habits of one country.

    Attributes:
        decimals: digits after the decimal mark of an amount as printed; amounts are integers in that unit.
        cash_step: smallest amount that is paid in cash, in the same unit.
        currency_forms: what stands before the amount, what after it, and what lies between.
        marks: thousands mark (may be empty) and decimal mark.
        tax_rates: in hundredths of a per cent, the usual one first.
        tax_included: whether prices in shops include the tax.
        postcode: a pattern: `#` is a digit, `@` a capital letter.
        labels: the ways in which each thing is named on paper.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str
    currency: str
    decimals: int
    cash_step: int
    page: Literal["a4", "letter"]
    currency_forms: tuple[tuple[str, str, str], ...]
    marks: tuple[tuple[str, str], ...]
    tax_rates: tuple[int, ...]
    tax_included: bool
    date_formats: tuple[str, ...]
    months: tuple[str, ...]
    short_months: tuple[str, ...]
    first_names: tuple[str, ...]
    surnames: tuple[str, ...]
    legal_forms: tuple[str, ...]
    company_forms: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    regions: tuple[str, ...]
    extras: tuple[str, ...]
    address_forms: tuple[tuple[str, ...], ...]
    postcode: str
    house_number: int
    phone_forms: tuple[str, ...]
    tax_number_form: str
    registration_forms: tuple[str, ...]
    trades: dict[Trade, tuple[str, ...]]
    goods: dict[Trade, tuple[str, ...]]
    labels: dict[str, tuple[str, ...]]
    thanks: tuple[str, ...]
    notes: tuple[str, ...]

    def date(self, day: datetime.date, form: str) -> str:
        """The date in one of `date_formats`."""
        return form.format(
            d=day.day,
            m=day.month,
            y=day.year,
            yy=day.year % 100,
            month=self.months[day.month - 1],
            short=self.short_months[day.month - 1],
        )

    def amount(self, value: int, marks: tuple[str, str]) -> str:
        """The amount with its sign and without a currency."""
        group, decimal = marks
        whole, rest = divmod(abs(value), 10**self.decimals)
        printed = f"{whole:,}".replace(",", group)
        if self.decimals:
            printed += f"{decimal}{rest:0{self.decimals}d}"
        return f"-{printed}" if value < 0 else printed


@lru_cache(maxsize=len(LOCALES))
def locale(name: str) -> Locale:
    """Read one of `LOCALES`."""
    file = resources.files(__package__).joinpath("locales", f"{name}.json")
    return Locale.model_validate(json.loads(file.read_text(encoding="utf-8")))


def filled(draw: random.Random, pattern: str) -> str:
    """Replace every `#` by a digit and every `@` by a capital letter."""
    characters = []
    for character in pattern:
        if character == "#":
            character = str(int(draw.random() * 10))
        elif character == "@":
            character = "ABCDEFGHJKLMNPRSTUWXY"[int(draw.random() * 21)]
        characters.append(character)
    return "".join(characters)


def pick(draw: random.Random, options: Sequence[T]) -> T:
    """One of the options; unlike `choice` it takes one number from the stream, whatever their count."""
    return options[int(draw.random() * len(options))]


def between(draw: random.Random, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + int(draw.random() * (high - low + 1))


def chance(draw: random.Random, share: float) -> bool:
    """Whether something happens that happens in this share of cases."""
    return draw.random() < share

"""Tax numbers and bank accounts whose check digits hold, as those of real suppliers do."""

from __future__ import annotations

import random

from stdnum import iban

from invoicelake.sources.generated.wording import filled
from invoicelake.text.identifiers import account_holds, tax_number_holds

_TRIES = 20_000
# What follows the country and its two check digits; countries that are not here have no such accounts.
_ACCOUNTS = {
    "GB": "NWBK##############",
    "DE": "##################",
    "FR": "#######################",
    "IT": "@######################",
    "NL": "ABNA##########",
    "CH": "#################",
    "ES": "####################",
}
_OTHER_ACCOUNT = "#### #### ####"


def drawn_tax_number(draw: random.Random, form: str, country: str) -> str:
    """A number of that form whose check digits hold, or any where the country has none."""
    numbers = (filled(draw, form) for _ in range(_TRIES))
    return next(number for number in numbers if tax_number_holds(number, country) is not False)


def drawn_account(draw: random.Random, country: str) -> str:
    """An account of that country in groups of four: an IBAN whose check digits hold, where it has them."""
    if country not in _ACCOUNTS:
        return filled(draw, _OTHER_ACCOUNT)
    numbers = (f"{country}00{filled(draw, _ACCOUNTS[country])}" for _ in range(_TRIES))
    accounts = (f"{country}{iban.calc_check_digits(number)}{number[4:]}" for number in numbers)
    return str(iban.format(next(account for account in accounts if account_holds(account))))


def has_iban(country: str) -> bool:
    """Whether accounts of a country have IBANs."""
    return country in _ACCOUNTS

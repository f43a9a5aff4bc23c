"""Tax numbers and bank accounts in printed text: whether their check digits hold."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stdnum import get_cc_module, iban

_NOT_COUNTRIES = {"EL": "GR", "XI": "GB"}


@lru_cache(maxsize=10_000)
def tax_number_holds(text: str, country: str | None = None) -> bool | None:
    """Whether a tax number is one of its country; None where the country or its rule is not known.

    Args:
        text: as printed; a country's code in front of it, as in `DE136695976`, counts more than `country`.
        country: ISO 3166 code, such as `IT`, of who issued it.
    """
    letters = "".join(character for character in text.upper() if character.isalnum())
    for code in (letters[:2], country):
        if code and code.isascii() and code.isalpha() and (rule := _rule(code)):
            return bool(rule.is_valid(text))
    return None


@lru_cache(maxsize=10_000)
def account_holds(text: str) -> bool:
    """Whether an IBAN has the form of its country and check digits that hold."""
    return bool(iban.is_valid(text))


@lru_cache(maxsize=500)
def _rule(country: str) -> Any:
    code = _NOT_COUNTRIES.get(country, country).lower()
    return get_cc_module(code, "vat")

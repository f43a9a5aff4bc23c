"""Tax numbers and bank accounts in printed text: whether their check digits hold."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from stdnum import get_cc_module, iban
from stdnum.eu.vat import MEMBER_STATES

_NOT_COUNTRIES = {"EL": "GR", "XI": "GB"}
# Whose numbers have their country's code in front; of others, two letters are the start of a word, as in
# `Co. No. 12345`, or `ID 12345`.
_PREFIXES = {*(state.upper() for state in MEMBER_STATES), *_NOT_COUNTRIES, "GB", "CH"}


@lru_cache(maxsize=10_000)
def tax_number_holds(text: str, country: str | None = None) -> bool | None:
    """Whether a tax number is one of its country; None where the country or its rule is not known.

    Args:
        text: as printed; a country's code in front of it, as in `DE136695976`, counts more than `country`.
        country: ISO 3166 code, such as `IT`, of who issued it.
    """
    letters = "".join(character for character in text.upper() if character.isalnum())
    # `No.` is no country: Norway's are known by what stands behind them.
    has_prefix = letters[:2] in _PREFIXES or (letters.startswith("NO") and letters.endswith("MVA"))
    for code in (letters[:2] if has_prefix else None, country):
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

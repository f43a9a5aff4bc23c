"""Countries and currencies as ledgers write them, reconciled to ISO 3166-1 and ISO 4217."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import pycountry
from babel import Locale

from invoicelake.text.amounts import currency_code

# Names of which neither ISO 3166 nor the Unicode CLDR knows.
_ALSO = {
    "UK": "GB", "GREAT BRITAIN": "GB", "BRITAIN": "GB", "ENGLAND": "GB", "SCOTLAND": "GB", "WALES": "GB",
    "NORTHERN IRELAND": "GB", "EL": "GR", "RSA": "ZA", "EIRE": "IE", "IRISH REPUBLIC": "IE",
    "REPUBLIC OF IRELAND": "IE", "HOLLAND": "NL", "U S A": "US", "U S": "US", "U K": "GB",
    "UNITED STATES AMERICA": "US", "UAE": "AE", "U A E": "AE", "KSA": "SA", "PRC": "CN", "ROC": "TW",
    "TURKEY": "TR", "RUSSIA": "RU", "BURMA": "MM", "SWAZILAND": "SZ", "MACEDONIA": "MK", "CAPE VERDE": "CV",
    "VATICAN": "VA", "SLOVAK REPUBLIC": "SK", "IVORY COAST": "CI", "EAST TIMOR": "TL", "BRD": "DE",
    "SUISSE": "CH", "SCHWEIZ": "CH", "SVIZZERA": "CH", "SVIZRA": "CH", "HELVETIA": "CH",
}  # fmt: skip
# Languages in which names are looked up, in this order: the first that knows a name settles what it means.
_LANGUAGES = (
    "en", "de", "fr", "es", "it", "nl", "pt", "da", "sv", "nb", "fi", "pl", "cs", "hu", "ro", "el", "tr",
    "ms", "id", "ga", "is", "lt", "lv", "et", "sk", "sl", "hr", "mt", "bg", "ru", "uk", "he", "ar", "ja",
    "ko", "zh", "th", "vi",
)  # fmt: skip
_SMALL_WORDS = re.compile(r"\b(?:THE|OF|AND)\b")
_NO_NAME = re.compile(r"[^\w]+|_+")


@cache
def country_code(text: str | None) -> str | None:
    """Name the ISO 3166-1 alpha-2 code of a country as written in a ledger.

    Understood are alpha-2, alpha-3 and numeric codes (`GB`, `GBR`, `826`, `36` for `036`), English, official
    and local-language names, with or without accents, in any case (`Germany`, `DEUTSCHLAND`, `Éire`), and the
    habits of book-keepers (`RSA`, `UK`, `Holland`).

    Returns:
        None where no text was given, where it names no single country of ISO 3166-1 (`European Community`,
        `Unspecified`, `Channel Islands`, which are Jersey and Guernsey), or where it is not known.
    """
    if text is None:
        return None
    name = _plain(text)
    if name.isdecimal():
        found = pycountry.countries.get(numeric=name.zfill(3)) if name.isascii() else None
        return found.alpha_2 if found else None
    return _english().get(name) or _local().get(name)


@cache
def currency_of(text: str | None) -> str | None:
    """Name the ISO 4217 code of a currency as written in a ledger: `gbp`, `£`, `978`, `Kč`.

    Returns:
        None where no text was given, or where it is not known. A sign that several currencies share stands
        for the one most often meant.
    """
    if text is None or not text.strip():
        return None
    name = text.strip().upper()
    attribute, value = ("numeric", name.zfill(3)) if name.isdecimal() else ("alpha_3", name)
    found = pycountry.currencies.get(**{attribute: value})
    return found.alpha_3 if found else currency_code(text)


def _plain(text: str) -> str:
    """Upper case, no accents, no punctuation, no small words: `São Tomé` -> `SAO TOME`."""
    decomposed = unicodedata.normalize("NFKD", text.upper())
    letters = "".join(each for each in decomposed if not unicodedata.combining(each))
    words = _NO_NAME.sub(" ", letters)
    return " ".join(_SMALL_WORDS.sub(" ", words).split()) or " ".join(words.split())


@cache
def _english() -> dict[str, str]:
    """Codes, the names of ISO 3166-1, and the habits of book-keepers."""
    found = dict(_ALSO)
    for country in pycountry.countries:
        for attribute in ("alpha_2", "alpha_3", "name", "common_name", "official_name"):
            name = getattr(country, attribute, None)
            if name:
                found.setdefault(_plain(name), country.alpha_2)
    return found


@cache
def _local() -> dict[str, str]:
    """Names in the languages of the Unicode CLDR."""
    codes = {country.alpha_2 for country in pycountry.countries}
    found: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, name in sorted(Locale.parse(language).territories.items()):
            if code in codes:
                found.setdefault(_plain(name), code)
    return found

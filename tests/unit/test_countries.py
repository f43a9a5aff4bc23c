"""Countries and currencies as ledgers write them."""

from __future__ import annotations

import csv

import pytest

from invoicelake.text.countries import country_code, currency_of

# Every country of Online Retail, as written there.
ONLINE_RETAIL = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Brazil": "BR", "Canada": "CA",
    "Channel Islands": None, "Cyprus": "CY", "Czech Republic": "CZ", "Denmark": "DK", "EIRE": "IE",
    "European Community": None, "Finland": "FI", "France": "FR", "Germany": "DE", "Greece": "GR",
    "Hong Kong": "HK", "Iceland": "IS", "Israel": "IL", "Italy": "IT", "Japan": "JP", "Lebanon": "LB",
    "Lithuania": "LT", "Malta": "MT", "Netherlands": "NL", "Norway": "NO", "Poland": "PL", "Portugal": "PT",
    "RSA": "ZA", "Saudi Arabia": "SA", "Singapore": "SG", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH",
    "USA": "US", "United Arab Emirates": "AE", "United Kingdom": "GB", "Unspecified": None,
}  # fmt: skip
# Numeric codes as in accounts receivable, alpha codes, other languages and habits.
OTHERS = [
    ("818", "EG"), ("391", None), ("36", "AU"), ("036", "AU"), ("000", None), ("GBR", "GB"), ("gb", "GB"),
    ("UK", "GB"), ("U.K.", "GB"), ("U.S.A.", "US"), ("United States of America", "US"), ("EL", "GR"),
    ("Deutschland", "DE"), ("DEUTSCHLAND", "DE"), ("España", "ES"), ("ESPANA", "ES"), ("Éire", "IE"),
    ("the netherlands", "NL"), ("Holland", "NL"), ("Österreich", "AT"), ("Schweiz", "CH"),
    ("Ελλάδα", "GR"), ("日本", "JP"), ("Turkey", "TR"), ("Côte d'Ivoire", "CI"), ("Jersey", "JE"),
    ("Guernsey", "GG"), ("South Korea", "KR"), ("Korea", None), ("Atlantis", None), ("", None), (" ", None),
    (None, None), ("?", None), ("٨١٨", None),
]  # fmt: skip
CURRENCIES = [
    ("GBP", "GBP"), ("gbp ", "GBP"), ("£", "GBP"), ("€", "EUR"), ("978", "EUR"), ("36", "AUD"), ("Kč", "CZK"),
    ("RM", "MYR"), ("XYZ", None), ("", None), (None, None), ("1", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), [*ONLINE_RETAIL.items(), *OTHERS])
def test_country_code(text, code):
    assert country_code(text) == code


@pytest.mark.parametrize(("text", "code"), CURRENCIES)
def test_currency_of(text, code):
    assert currency_of(text) == code


def test_no_country_of_the_real_ledger_is_left_out(shared_data):
    found = set()
    for file in sorted((shared_data / "online_retail").rglob("*.csv"))[::5]:
        with file.open(encoding="utf-8", newline="") as lines:
            found |= {row["Country"] for row in csv.DictReader(lines)}
    assert found <= set(ONLINE_RETAIL)
    assert len(found) > 25

"""Names compared, records matched, documents assigned: the plain Python of it."""

from __future__ import annotations

import csv
import io
import itertools
import random
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest

from invoicelake import config
from invoicelake.sources.generated.trade.master_files import master_files, true_entities
from invoicelake.sources.generated.trade.respelling import respelt_name
from invoicelake.sources.generated.trade.world import suppliers
from invoicelake.text.countries import country_code
from invoicelake.transforms.entities.assignment import assigned
from invoicelake.transforms.entities.clusters import Pair, entities
from invoicelake.transforms.entities.fit import fit, fit_score
from invoicelake.transforms.entities.names import likeness, name_words
from invoicelake.transforms.entities.weights import blocking_keys, compared, probability

CONF = Path(__file__).resolve().parents[2] / "conf"

# One name, the other, how alike at least and at most.
NAMES = [
    ("Smith Bakery Ltd", "SMITH BAKERY LIMITED", 1, 1),
    ("Müller & Söhne GmbH", "Muller und Sohne G.m.b.H.", 1, 1),
    ("Fletcher Moore", "Moore, Fletcher", 1, 1),
    ("Restoran Tan Sdn Bhd", "RESTORAN TAN S/B", 1, 1),
    ("Gebäudereinigung Vogt", "Gebäuder. Vogt", 0.95, 0.99),
    ("Harrison Plumbing", "Harrisn Plumbing", 0.9, 0.999),
    ("Sutton Bakery", "Hutton Bakery", 0.8, 0.89),
    ("Müller Drogerie AG", "Müller Apotheke AG", 0, 0.5),
    ("Ltd", "PLC", 0, 0),
    ("", "Smith", 0, 0),
]


@pytest.mark.parametrize(("one", "other", "least", "most"), NAMES)
def test_likeness_of_names(one, other, least, most):
    found = likeness(name_words(one), name_words(other))
    assert least <= found <= most
    assert found == likeness(name_words(other), name_words(one))


ACME = {"name": "Acme Tools Ltd", "address": "1 High Street, Leeds LS1 4AB", "tax_number": "GB123"}
# Why, a record to compare with `ACME`, from which probability, up to which.
RECORDS = [
    ("the same name alone", {"name": "ACME TOOLS"}, 0.9, 0.99),
    ("name and address", {"name": "Acme Tools", "address": "1 High St Leeds LS1 4AB"}, 0.99, 1),
    ("one name at two places", {"name": "Acme Tools", "address": "77 Rue de Lyon, 69001 Lyon"}, 0, 0.4),
    ("another tax number", {"name": "Acme Tools", "tax_number": "FR999888777"}, 0, 0.4),
    ("the same tax number, another name", {"name": "Zenith Foods", "tax_number": "GB123"}, 0, 0.4),
    (
        "another company next door",
        {"name": "Zenith Foods", "address": "1 High Street, Leeds LS1 4AB"},
        0,
        0.05,
    ),
]


@pytest.mark.parametrize(("record", "least", "most"), [c[1:] for c in RECORDS], ids=[c[0] for c in RECORDS])
def test_probability(record, least, most):
    assert least <= probability(compared(ACME, record)) <= most


def test_what_was_compared_is_told():
    told = compared(
        ACME | {"country_code": "GB"}, {"name": "Acme Tols", "country_code": "FR", "tax_number": None}
    )
    assert [(each.comparison, each.outcome) for each in told] == [
        ("name", "a slip apart"),
        ("country", "different"),
    ]


A, B, C, N, M = (0, "a"), (0, "b"), (1, "c"), (2, "n"), (2, "m")
CLUSTERS = [
    (
        "a chain is one entity",
        [Pair(B, C, 0.95, True, True), Pair(A, B, 0.95, True, True)],
        {A: A, B: A, C: A},
    ),
    ("not sure enough", [Pair(A, B, 0.89, True, True)], {}),
    (
        "a bare name bridges nothing",
        [Pair(A, N, 0.95, True, False), Pair(B, N, 0.93, True, False)],
        {A: A, N: A},
    ),
    ("equally good: the first", [Pair(A, N, 0.95, True, False), Pair(B, N, 0.95, True, False)], {A: A, N: A}),
    (
        "bare names join what is known",
        [Pair(N, M, 0.99, False, False), Pair(B, N, 0.93, True, False), Pair(B, M, 0.93, True, False)],
        {B: B, N: B, M: B},
    ),
    ("bare names alone", [Pair(M, N, 0.95, False, False)], {M: M, N: M}),
]


@pytest.mark.parametrize(("pairs", "expected"), [c[1:] for c in CLUSTERS], ids=[c[0] for c in CLUSTERS])
def test_clusters(pairs, expected):
    for order in itertools.permutations(pairs):
        assert entities(order, 0.9) == expected


def generated_records(seed):
    """Records and truth: generated master data, and each supplier as documents and three clerks name it."""
    suite = config.load(CONF, overrides=[f"seed={seed}"])
    files, known = master_files(suite), true_entities(suite)
    records, truth = {"supplier": {}, "customer": {}}, {}
    for kind, found in records.items():
        for row in csv.DictReader(io.StringIO(files[f"{kind}.csv"].decode())):
            key = (0, row[f"{kind}_id"])
            numbers = {name: bare(row.get(name)) for name in ("tax_number", "iban")}
            found[key] = {**row, **numbers, "country_code": country_code(row["country"])}
            truth[kind, key] = known[kind, key[1]]
    for number, issuer in enumerate(
        suppliers(seed, suite.generator.suppliers, suite.generator.invoice_share)
    ):
        party, draw = issuer.party, random.Random(f"clerk {number}")
        on_paper = {"name": party.name, "address": " ".join(party.address)}
        records["supplier"][1, str(number)] = on_paper | (
            {"tax_number": bare(issuer.tax_number)} if number % 2 else {}
        )
        truth["supplier", (1, str(number))] = f"s{number}"
        for spelling in {party.name.upper(), party.name, respelt_name(draw, party.name)}:
            records["supplier"].setdefault((2, spelling), {"name": spelling})
            truth.setdefault(("supplier", (2, spelling)), f"s{number}")
    return records, truth


def bare(number):
    return "".join(each for each in number or "" if each.isalnum()).upper() or None


def pairs_of(entity_of):
    members = defaultdict(list)
    for key, entity in sorted(entity_of.items()):
        members[entity].append(key)
    return {pair for group in members.values() for pair in itertools.combinations(group, 2)}


@pytest.mark.parametrize("seed", range(3))
def test_generated_spellings_are_matched(seed):
    records, truth = generated_records(seed)
    settings = config.Matching()
    for kind, found in records.items():
        blocks = defaultdict(list)
        for key in sorted(found):
            for block in blocking_keys(found[key]):
                blocks[block].append(key)
        candidates = {pair for keys in blocks.values() for pair in itertools.combinations(keys, 2)}
        scored = []
        for left, right in sorted(candidates):
            sure = probability(compared(found[left], found[right]))
            known = [bool(found[key].get("address")) for key in (left, right)]
            scored.append(Pair(left, right, sure, *known))
        first = entities(scored, settings.matched_from)
        made = pairs_of({key: first.get(key, key) for key in found})
        true = pairs_of({key: truth[kind, key] for key in found})
        assert len(true) > 30
        assert len(candidates) < 0.1 * len(found) ** 2 / 2
        assert len(made & true) / len(made) >= 0.97, sorted(made - true)[:5]
        assert len(made & true) / len(true) >= 0.95, sorted(true - made)[:5]


def test_master_files_are_the_same_for_the_same_seed():
    suite = config.load(CONF)
    assert master_files(suite) == master_files(suite)
    assert master_files(suite) != master_files(config.load(CONF, overrides=["seed=1"]))


# Why, company and number of the document, name and number of the entry, days, from which score, up to which.
FITS = [
    ("all the same", ("Acme Ltd", "R-17"), ("ACME LIMITED", "R17"), 0, 1, 1),
    ("a number of the clerk's own", ("Acme Ltd", "R-17"), ("Acme Ltd", "P900001"), 2, 0.75, 0.8),
    ("another company", ("Acme Ltd", None), ("Zenith Foods", "P900001"), 0, 0.4, 0.4),
    ("only the number", (None, "0017"), ("Acme", "17"), 10, 0.5, 0.55),
    ("nothing but the amount", (None, None), (None, None), 10, 0.3, 0.32),
]


@pytest.mark.parametrize(
    ("issued", "entry", "days", "least", "most"), [c[1:] for c in FITS], ids=[c[0] for c in FITS]
)
def test_fit(issued, entry, days, least, most):
    assert least <= fit_score(fit(*issued, *entry, days, 10)) <= most


# Why, candidates (document, entry, score), what becomes of each document.
ASSIGNMENTS = [
    ("best first", [("d", "e", 0.9), ("d", "f", 0.7)], {"d": ("linked", "e")}),
    (
        "together highest",
        [("c", "e", 0.9), ("c", "f", 0.8), ("d", "e", 0.85)],
        {"c": ("linked", "f"), "d": ("linked", "e")},
    ),
    ("two for one", [("c", "e", 0.7), ("d", "e", 0.9)], {"c": ("taken", None), "d": ("linked", "e")}),
    ("unlikely", [("c", "e", 0.5)], {"c": ("unlikely", None)}),
    ("twins", [(d, e, 0.9) for d in "cd" for e in "ef"], {"c": ("linked", "e"), "d": ("linked", "f")}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("candidates", "expected"), [c[1:] for c in ASSIGNMENTS], ids=[c[0] for c in ASSIGNMENTS]
)
def test_assignment(candidates, expected):
    frame = pd.DataFrame(candidates, columns=["document_id", "entry_id", "score"])
    for order in (frame, frame[::-1]):
        found = assigned(order.assign(ledger_source="x", days_after=1, why=None), 0.6)
        rows = found.where(found.notna(), None).itertuples()
        assert {row.document_id: (row.status, row.entry_id) for row in rows} == expected

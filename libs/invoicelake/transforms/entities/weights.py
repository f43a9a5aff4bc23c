"""How surely two records are one supplier or customer, and why; plain Python.

Comparisons are weighed as in Fellegi and Sunter, A Theory for Record Linkage (JASA 64, 1969, pp. 1183-1210):
the weight of an outcome is log2(m/u), where m is how often records of one entity have that outcome and u how
often others have. The weights are declared and not estimated, so that a decision does not depend on what
other records there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rapidfuzz.distance import Indel

from invoicelake.transforms.entities.names import address_words, containment, likeness, name_words

PRIOR_BITS = -6.0
"""One pair in 64 of those that share a key is one entity, before anything is compared."""

_NAME_LEVELS = (
    (0.985, "the same", 10.0),
    (0.90, "a slip apart", 9.5),
    (0.74, "alike", 5.0),
    (0.55, "partly", 0.0),
)
_ADDRESS_LEVELS = ((0.85, "the same", 7.0), (0.6, "alike", 3.5), (0.4, "partly", -1.0))
_DIFFERENT_NAME, _DIFFERENT_ADDRESS = -9.0, -6.0
_SLIP_IN_A_NUMBER = 0.85


class Comparison(NamedTuple):
    """What was compared, with what outcome, and its weight in bits."""

    comparison: str
    outcome: str
    weight: float


Record = Mapping[str, str | None]


def blocking_keys(record: Record) -> list[str]:
    """Keys of which two records must share one to be compared, in alphabetical order.

    A slip spoils some of the keys of a record, hardly all: there is one for the beginning of each word of the
    name, one for its end, and one for each number that it is known by, of the address too.
    """
    words = name_words(record["name"] or "")
    keys = {f"begins {word[:4]}" for word in words} | {f"ends {word[-4:]}" for word in words if len(word) > 4}
    for column in ("tax_number", "iban"):
        if record.get(column):
            keys.add(f"{column} {record[column]}")
    for word in address_words(record.get("address") or ""):
        if len(word) > 3 and any(character.isdigit() for character in word):
            keys.add(f"address {word}")
    return sorted(keys)


def compared(left: Record, right: Record) -> list[Comparison]:
    """Compare two records in all that both have."""
    found = [_of_names(left["name"] or "", right["name"] or "")]
    if left.get("address") and right.get("address"):
        found.append(_of_addresses(str(left["address"]), str(right["address"])))
    for column, same, different in (("tax_number", 12.0, -6.0), ("iban", 9.0, -1.0)):
        if left.get(column) and right.get(column):
            found.append(_of_numbers(column, str(left[column]), str(right[column]), same, different))
    if left.get("country_code") and right.get("country_code"):
        is_same = left["country_code"] == right["country_code"]
        found.append(Comparison("country", "the same" if is_same else "different", 0.5 if is_same else -5.0))
    return found


def probability(comparisons: Iterable[Comparison]) -> float:
    """How surely both are one, 0 to 1, to six decimals."""
    bits = PRIOR_BITS + sum(each.weight for each in comparisons)
    return round(1 / (1 + 2**-bits), 6)


def _of_names(left: str, right: str) -> Comparison:
    score = likeness(name_words(left), name_words(right))
    joined = ["".join(name_words(each)) for each in (left, right)]
    # Words that were torn apart or run together.
    if min(map(len, joined)) > 7:
        score = max(score, float(Indel.normalized_similarity(*joined)) - 0.02)
    for least, outcome, weight in _NAME_LEVELS:
        if score >= least:
            return Comparison("name", outcome, weight)
    return Comparison("name", "different", _DIFFERENT_NAME)


def _of_addresses(left: str, right: str) -> Comparison:
    score = containment(address_words(left), address_words(right))
    for least, outcome, weight in _ADDRESS_LEVELS:
        if score >= least:
            return Comparison("address", outcome, weight)
    return Comparison("address", "different", _DIFFERENT_ADDRESS)


def _of_numbers(column: str, left: str, right: str, same: float, different: float) -> Comparison:
    if left == right:
        return Comparison(column, "the same", same)
    if Indel.normalized_similarity(left, right) >= _SLIP_IN_A_NUMBER:
        return Comparison(column, "a slip apart", same / 3)
    return Comparison(column, "different", different)

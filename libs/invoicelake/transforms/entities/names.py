"""Names and addresses as words that can be compared, whatever their spelling; plain Python."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz.distance import JaroWinkler

_APART = re.compile(r"[^\w]+|_+")
_WITHIN = re.compile("['\u2019`\u00b4./]")  # G.m.b.H., O'Neill, S/B
# Written with a name or without it, and in many ways: they tell no two companies apart.
_LEGAL_FORMS = frozenset(
    {
        "ltd", "limited", "plc", "llp", "gmbh", "mbh", "kg", "ohg", "ek", "ag", "genossenschaft", "gen",
        "sarl", "sas", "eurl", "sa", "sl", "slu", "sc", "srl", "spa", "snc", "bv", "vof", "nv", "inc",
        "incorporated", "corp", "corporation", "co", "company", "sdn", "bhd", "berhad", "sb", "tbk", "pt",
        "genosse", "llc", "cv", "ud", "ent", "sons", "figli", "hijos", "fils", "zn",
    }
)  # fmt: skip
_JOINTS = frozenset({"and", "und", "et", "y", "e", "the", "de", "of"})
_STREETS = {"street": "st", "road": "rd", "avenue": "ave", "lane": "ln", "strasse": "str"}
_SAME_WORD = 0.88  # Jaro-Winkler; one letter more, less or exchanged in a word of five and more
_OTHER_FIRST_LETTER = 0.15
_SHORTEST_STEM = 4


@lru_cache(maxsize=200_000)
def name_words(name: str) -> tuple[str, ...]:
    """The words that make up a name, without accents, case, legal form and joints, in alphabetical order."""
    words = _words(name)
    telling = [word for word in words if word not in _LEGAL_FORMS and word not in _JOINTS]
    return tuple(sorted(telling or words))


@lru_cache(maxsize=200_000)
def address_words(address: str) -> tuple[str, ...]:
    """The words and numbers of an address, each once, in alphabetical order."""
    words = set()
    for word in _words(address):
        stem = next(
            (word[: -len(long)] + short for long, short in _STREETS.items() if word.endswith(long)), word
        )
        words.add(stem)
    return tuple(sorted(words))


def likeness(left: Sequence[str], right: Sequence[str]) -> float:
    """How many words both have, of all they have, 0 to 1; slips and cut-off words count nearly as much."""
    shared = _shared(left, right)
    return shared[0] / (len(left) + len(right) - shared[1]) if left and right else 0.0


def containment(left: Sequence[str], right: Sequence[str]) -> float:
    """How many of the words of the shorter one the other has, 0 to 1."""
    return _shared(left, right)[0] / min(len(left), len(right)) if left and right else 0.0


def _shared(left: Sequence[str], right: Sequence[str]) -> tuple[float, int]:
    """Sum of the likeness of the words that are paired, the most alike first, and their number."""
    pairs = sorted(
        (
            (-_word_likeness(one, other), here, there)
            for here, one in enumerate(left)
            for there, other in enumerate(right)
        ),
    )
    total, heres, theres = 0.0, set[int](), set[int]()
    for negative, here, there in pairs:
        if negative == 0:
            break
        if here not in heres and there not in theres:
            heres.add(here)
            theres.add(there)
            total -= negative
    return total, len(heres)


@lru_cache(maxsize=500_000)
def _word_likeness(one: str, other: str) -> float:
    """1 for the same word, somewhat less for a slip or a cut-off word, 0 for another; numbers do not slip."""
    if one == other:
        return 1.0
    if not (one.isalpha() and other.isalpha()):
        return 0.0
    short, long = sorted((one, other), key=len)
    if len(short) >= _SHORTEST_STEM and long.startswith(short):
        return 0.97
    close = float(JaroWinkler.similarity(one, other))
    if close < _SAME_WORD or len(short) < _SHORTEST_STEM:
        return 0.0
    # Few slip in a first letter, and words such as sutton and hutton differ in nothing else.
    return close if one[0] == other[0] else close - _OTHER_FIRST_LETTER


def _words(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", _WITHIN.sub("", text.casefold()))
    letters = "".join(each for each in decomposed if not unicodedata.combining(each))
    return _APART.sub(" ", letters).split()

"""Pairs of records to entities; plain Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

Key = tuple[int, str]
"""Rank of the source, master data first, and record."""


class Pair(NamedTuple):
    """Two records that may be one; a record is known where more than its name is."""

    left: Key
    right: Key
    probability: float
    is_left_known: bool
    is_right_known: bool


def entities(pairs: Iterable[Pair], matched_from: float) -> dict[Key, Key]:
    """The first record of the entity of each record: connected components of the pairs that are sure enough.

    A record of which only the name is known joins its best counterpart alone. Else two companies of one name
    would become one by a third record, in which nothing but that name stands.
    """
    sure = [pair for pair in pairs if pair.probability >= matched_from]
    best: dict[Key, tuple[bool, float, Key]] = {}
    for pair in sure:
        for own, other, is_known, is_other_known in (
            (pair.left, pair.right, pair.is_left_known, pair.is_right_known),
            (pair.right, pair.left, pair.is_right_known, pair.is_left_known),
        ):
            offer = (not is_other_known, -pair.probability, other)
            if not is_known and (own not in best or offer < best[own]):
                best[own] = offer
    joined: dict[Key, Key] = {}
    for pair in sure:
        if pair.is_left_known and pair.is_right_known:
            _join(joined, pair.left, pair.right)
    for own, (_, _, other) in sorted(best.items()):
        _join(joined, own, other)
    return {key: _first(joined, key) for key in sorted(joined)}


def _join(joined: dict[Key, Key], one: Key, other: Key) -> None:
    first, second = sorted((_first(joined, one), _first(joined, other)))
    joined[second] = first


def _first(joined: dict[Key, Key], key: Key) -> Key:
    """The first of all records that `key` is joined with, which all of them then point to."""
    first = key
    while joined.setdefault(first, first) != first:
        first = joined[first]
    while joined[key] != first:
        joined[key], key = first, joined[key]
    return first

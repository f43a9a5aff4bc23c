"""Which days of a ledger are to be worked on, how many at a time, and which never came."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import get_args

from invoicelake import config

_WEEKDAYS = get_args(config.Weekday)
"""As `date.weekday` counts them."""


def chunks_of_days(rows: Sequence[tuple[date, int]], max_lines: int) -> list[tuple[date, ...]]:
    """Cut days into runs, in order, of at most `max_lines` lines each; a larger day is a run of its own.

    Args:
        rows: day and its number of lines, each day once, in any order.
        max_lines: bounds the memory that a run needs.
    """
    chunks: list[list[date]] = []
    filled = 0
    for day, lines in sorted(rows):
        if not chunks or filled + lines > max_lines:
            chunks.append([])
            filled = 0
        chunks[-1].append(day)
        filled += lines
    return [tuple(chunk) for chunk in chunks]


def missing_days(delivered: Collection[date], weekdays: Collection[str]) -> list[date]:
    """The days between the first and the last delivered one that were to be delivered and were not, in order.

    Args:
        delivered: in any order; none: nothing is missing.
        weekdays: those that a file is expected on, as `mon`.
    """
    if not delivered:
        return []
    first, last = min(delivered), max(delivered)
    span = (first + timedelta(days=number) for number in range((last - first).days))
    there = set(delivered)
    return [day for day in span if day not in there and _WEEKDAYS[day.weekday()] in weekdays]


def digest(*parts: str) -> str:
    """SHA-256, in hex, of texts in this order; what marker tables call `made_from`."""
    joined = "\0".join(part.replace("\0", "") for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()


def days_to_do(wanted: Mapping[date, str], done: Mapping[date, str]) -> tuple[date, ...]:
    """The days whose `made_from` is another than what they were made from, in order."""
    return tuple(sorted(day for day, made_from in wanted.items() if done.get(day) != made_from))


def chained(rows: Iterable[tuple[date, str]], *also: str) -> dict[date, str]:
    """For each day a digest of its own `made_from` and of those of all days before it.

    A job that looks back, such as one that ties cancellations to sales, must redo every day after one that
    came late or was corrected: with a chain, these are the days whose digest has changed.
    """
    found: dict[date, str] = {}
    last = digest(*also)
    for day, made_from in sorted(rows):
        last = digest(last, day.isoformat(), made_from)
        found[day] = last
    return found

"""Which version a table had when, read from its log without Spark."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from invoicelake.errors import JobError


@dataclass(frozen=True)
class Commit:
    """A version of a table, and when it was committed (UTC)."""

    version: int
    at: datetime


def commit_at(name: str, location: str, as_of: date | datetime | None) -> Commit | None:
    """The newest commit of the table at `location`, or the newest by then; None if it came later.

    Args:
        name: of the table, for messages.
        as_of: a day with all of its commits, or a time, which is UTC where it has no zone.

    Raises:
        JobError: the log no longer reaches that far back.
    """
    found = _commits(location)
    if as_of is None:
        return found[-1]
    limit = _limit(as_of)
    by_then = [commit for commit in found if commit.at < limit]
    if by_then:
        return by_then[-1]
    if found[0].version == 0:
        return None
    raise JobError(
        f"the history of {name} reaches back to {found[0].at:%Y-%m-%d %H:%M} UTC, it was asked for as of "
        f"{as_of}; ask for a later time, and raise delta.logRetentionDuration to keep more from now on"
    )


def _commits(location: str) -> list[Commit]:
    """Oldest first."""
    from deltalake import DeltaTable

    history = [
        Commit(each["version"], datetime.fromtimestamp(each["timestamp"] / 1000, UTC))
        for each in DeltaTable(location).history()
    ]
    return sorted(history, key=lambda commit: commit.version)


def _limit(as_of: date | datetime) -> datetime:
    """The first moment that is no longer asked about."""
    if isinstance(as_of, datetime):
        # Commits carry milliseconds; one of this very moment belongs to it.
        return (as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)) + timedelta(microseconds=1)
    return datetime.combine(as_of + timedelta(days=1), time(), UTC)

"""Some days of a table: what a job that works day by day reads and replaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Slice:
    """The rows of one source on some days; a table that is clustered by the day is read in no other place.

    Args:
        day_column: column with the day.
        days: the days, in any order.
        equal: values that other columns have, such as the source.
    """

    day_column: str
    days: tuple[date, ...]
    equal: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, day_column: str, days: Iterable[date], **equal: str) -> Slice:
        """The slice of these days where each column of `equal` has its value."""
        return cls(day_column, tuple(sorted(set(days))), tuple(sorted(equal.items())))

    def sql(self, table: str = "") -> str:
        """The slice as an SQL condition, its columns preceded by `table.` if given."""
        prefix = f"{table}." if table else ""
        if not self.days:
            return "false"
        day = f"{prefix}{self.day_column}"
        # The range lets Delta leave files out by their statistics; the list alone would not once it is long.
        conditions = [f"{day} BETWEEN DATE'{self.days[0]}' AND DATE'{self.days[-1]}'"]
        if (self.days[-1] - self.days[0]).days + 1 != len(self.days):
            conditions.append(f"{day} IN ({', '.join(f'''DATE'{each}' ''' for each in self.days)})")
        conditions += [f"{prefix}{name} = '{_quoted(value)}'" for name, value in self.equal]
        return " AND ".join(conditions)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")

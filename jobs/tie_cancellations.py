"""Tie credit notes to the sales that they cancel: silver.ledger_entry to silver.cancellation.

New days look back ledger.cancellation_window_days and read no more than that. A day that came late or was
corrected settles what is left of its sales for all days after it, so that these are tied again.
"""

from datetime import date, timedelta

from pyspark.sql import functions as F

from invoicelake.job import Run, execute
from invoicelake.tables import Slice
from invoicelake.transforms.ledger.cancellations import cancellations, days_to_tie
from invoicelake.transforms.ledger.chunks import chunks_of_days


def main(run: Run) -> None:
    """Find the days to tie, and tie them in order, some at a time."""
    ledger = run.suite.ledger
    of_source = F.col("source") == ledger.source_name
    cleaned = run.lake.read("silver.ledger_day").where(of_source)
    if ledger.until is not None:
        cleaned = cleaned.where(F.col("delivery_day") <= F.lit(ledger.until))
    known = run.lake.read_or_empty("silver.cancellation_day").where(of_source)
    wanted, lines = days_to_tie(cleaned, known, ledger.cancellation_window_days)
    for days in chunks_of_days(lines, run.suite.cleaning.lines_at_a_time):
        _tie(run, days, {day: wanted[day] for day in days})
    run.metrics["days_tied"] = len(lines)


def _tie(run: Run, days: tuple[date, ...], made_from: dict[date, str]) -> None:
    """The days come last: what is listed there is whole in silver.cancellation."""
    source, window = run.suite.ledger.source_name, run.suite.ledger.cancellation_window_days
    within = Slice.of("entry_date", days, source=source)
    first, last = F.lit(days[0] - timedelta(days=window)), F.lit(days[-1])
    of_source, day = F.col("source") == source, F.col("entry_date")
    entries = run.lake.read("silver.ledger_entry").where(of_source & day.between(first, last))
    known = run.lake.read_or_empty("silver.cancellation").where(of_source)
    earlier = known.where((day >= first) & (day < F.lit(days[0])))
    run.write("silver.cancellation", cancellations(entries, earlier, window, days[0]), within)
    rows = [(source, each, made_from[each]) for each in days]
    marks = run.spark.createDataFrame(rows, "source string, entry_date date, made_from string")
    run.write("silver.cancellation_day", marks, within)


if __name__ == "__main__":
    execute(__file__, main)

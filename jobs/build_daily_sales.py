"""Sum the ledger's entries up by day: silver.ledger_entry to gold.daily_sales.

Days are worked on that were cleaned since they were last reconciled.
"""

from invoicelake.job import Run, execute
from invoicelake.tables import Slice
from invoicelake.transforms.ledger.days import chunks_to_reconcile
from invoicelake.transforms.ledger.sales import daily_sales


def main(run: Run) -> None:
    """Write these days, some at a time."""
    settings = run.suite.ledger
    cleaned = run.lake.read("silver.ledger_day")
    reconciled = run.lake.read_or_empty("gold.ledger_reconciliation")
    entries = run.lake.read("silver.ledger_entry")
    for days in chunks_to_reconcile(cleaned, reconciled, settings):
        within = Slice.of("entry_date", days, source=settings.source_name)
        run.write("gold.daily_sales", daily_sales(entries.where(within.sql())), within)


if __name__ == "__main__":
    execute(__file__, main)

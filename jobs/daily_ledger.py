"""Run the ledger's daily jobs in one Spark session: from delivered files to reconciled gold tables.

With --as-of DATE it costs what a day costs; without, it works on all days that are new or changed.
"""

import build_daily_sales
import clean_ledger
import ingest_exchange_rates
import ingest_ledger
import reconcile_ledger
import tie_cancellations
from invoicelake.job import Run, execute, step

STEPS = (
    ingest_exchange_rates,
    ingest_ledger,
    clean_ledger,
    tie_cancellations,
    build_daily_sales,
    reconcile_ledger,
)


def main(run: Run) -> None:
    """Run each step as the job it is."""
    for job in STEPS:
        step(run, job.__name__, job.main)


if __name__ == "__main__":
    execute(__file__, main)

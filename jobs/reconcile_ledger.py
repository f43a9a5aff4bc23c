"""Prove that nothing was lost between the delivered files and gold.daily_sales, to the row and to the penny.

Days that were cleaned since they were last reconciled are compared at every step, into
gold.ledger_reconciliation; the job fails when one does not agree.
"""

from datetime import date

from pyspark.sql import DataFrame

from invoicelake.job import Run, execute
from invoicelake.tables import Slice
from invoicelake.transforms.ledger.days import chunks_to_reconcile
from invoicelake.transforms.ledger.reconciliation import reconciled, require_reconciled


def main(run: Run) -> None:
    """Reconcile these days, some at a time; what does not agree is written too, before the job fails."""
    settings = run.suite.ledger
    cleaned = run.lake.read("silver.ledger_day")
    known = run.lake.read_or_empty("gold.ledger_reconciliation")
    for days in chunks_to_reconcile(cleaned, known, settings):
        within = Slice.of("entry_date", days, source=settings.source_name)
        run.write("gold.ledger_reconciliation", _of_days(run, days), within)
    result = run.lake.read("gold.ledger_reconciliation").where(f"source = '{settings.source_name}'")
    run.metrics |= require_reconciled(result, run.lake.location("gold.ledger_reconciliation"))


def _of_days(run: Run, days: tuple[date, ...]) -> DataFrame:
    source = run.suite.ledger.source_name

    def rows(name: str, day: str, **equal: str) -> DataFrame:
        return run.lake.read(name).where(Slice.of(day, days, **{"source": source, **equal}).sql())

    return reconciled(
        days=rows("silver.ledger_day", "delivery_day"),
        deliveries=rows("bronze.ledger_delivery", "delivery_day"),
        lines=rows("bronze.ledger_line", "delivery_day"),
        entries=rows("silver.ledger_entry", "entry_date"),
        rejected=rows("silver.ledger_entry_rejected", "delivery_day"),
        repairs=rows("silver.repair", "day", table_name="silver.ledger_entry"),
        sales=rows("gold.daily_sales", "entry_date"),
        currency=run.suite.ledger.currency,
    )


if __name__ == "__main__":
    execute(__file__, main)

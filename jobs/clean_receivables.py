"""Clean receivables: bronze.receivable to silver.receivable, silver.repair and silver.ledger_entry.

Missing values are filled by declared rules, each in silver.repair. What cannot be, or was delivered anew,
goes to silver.receivable_rejected with its reason. That no line and no penny is lost is checked against what
was delivered.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.sources.delivered_files import require_few_rejected
from invoicelake.transforms.receivable_books import receivable_balance, receivable_entries, require_balance
from invoicelake.transforms.receivables import (
    accepted_receivables,
    judged_receivables,
    receivable_repairs,
    rejected_receivables,
    typed_receivables,
)


def main(run: Run) -> None:
    """Clean all receivables of the source."""
    settings, reporting = run.suite.receivables, run.suite.rates.reporting_currency
    own = f"source = '{settings.source_name}'"
    delivered, rates = run.lake.read("bronze.receivable").where(own), run.lake.read("silver.exchange_rate")
    with kept(typed_receivables(delivered, settings)) as typed, kept(judged_receivables(typed)) as judged:
        receivables = accepted_receivables(judged, rates, settings.currency, reporting)
        run.write("silver.receivable", receivables, own)
        rejected = rejected_receivables(judged)
        run.write_rejects("silver.receivable_rejected", rejected, of="silver.receivable", replaces=own)
        repairs = receivable_repairs(judged)
        run.write("silver.repair", repairs, f"table_name = 'silver.receivable' AND {own}")
    accepted = run.lake.read("silver.receivable").where(own)
    entries = receivable_entries(accepted, settings.currency)
    run.write("silver.ledger_entry", entries, f"kind = 'receivable' AND {own}")
    _require_nothing_lost(run, own)


def _require_nothing_lost(run: Run, own: str) -> None:
    """Compare what is in the tables now."""
    tables = ("bronze.receivable", "silver.receivable", "silver.receivable_rejected")
    delivered, accepted, rejected = (run.lake.read(name).where(own) for name in tables)
    settings = run.suite.receivables
    balance = require_balance(receivable_balance(delivered, accepted, rejected, settings.currency))
    run.metrics |= {"receivables_amount": str(balance["delivered_amount"])}
    require_few_rejected(
        balance["faulty"],
        balance["delivered"],
        settings.max_rejected_share,
        "receivables.max_rejected_share",
        run.lake.location("silver.receivable_rejected"),
    )


if __name__ == "__main__":
    execute(__file__, main)

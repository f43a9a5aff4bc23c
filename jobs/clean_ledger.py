"""Repair and judge the ledger: bronze.ledger_line to silver.ledger_entry, each changed cell to silver.repair.

Lines that are no entries go to silver.ledger_entry_rejected with their reason. Days are worked on that were
delivered, or whose rules, profiles, settings or rates changed, since they were last cleaned; --as-of DATE, or
ledger.since and ledger.until, take some days alone. Where there are no profiles yet, they are fitted first.
"""

import logging
from datetime import date

from pyspark.sql import functions as F

import fit_ledger
from invoicelake.job import Run, execute, kept, step
from invoicelake.tables import Slice
from invoicelake.transforms.ledger import cleaning, days, provenance
from invoicelake.transforms.ledger.chunks import chunks_of_days, days_to_do
from invoicelake.transforms.ledger.parties import names_of_countries

log = logging.getLogger("invoicelake.jobs.clean_ledger")


def main(run: Run) -> None:
    """Find the days to clean, and clean them some at a time."""
    settings = run.suite.ledger
    delivered = days.of_ledger(run.lake.read("bronze.ledger_delivery"), settings).collect()
    known = days.of_ledger(run.lake.read_or_empty("silver.ledger_day"), settings)
    currencies = (settings.currency, run.suite.rates.reporting_currency)
    rates = provenance.rates_by_day(
        run.lake.read_or_empty("silver.exchange_rate"), currencies, [row.delivery_day for row in delivered]
    )
    wanted = _made_from(run, {row.delivery_day: row.delivery_sha256 for row in delivered}, rates)
    to_do = days_to_do(wanted, {row.delivery_day: row.made_from for row in known.collect()})
    lines = [(row.delivery_day, row.lines) for row in delivered if row.delivery_day in set(to_do)]
    for chunk in chunks_of_days(lines, run.suite.cleaning.lines_at_a_time):
        _clean(run, {day: wanted[day] for day in chunk})
    run.metrics["days_cleaned"] = len(to_do)
    without_rate = provenance.days_without_rate(rates, currencies, to_do)
    run.metrics["days_without_rate"] = len(without_rate)
    if without_rate:
        log.warning(
            "no exchange rate of %s to %s on %d of %d days, first on %s: no amount of these is in the "
            "reporting currency; give a newer file in rates.path",
            *currencies,
            len(without_rate),
            len(to_do),
            without_rate[0],
        )
    run.require_few_rejected("silver.ledger_entry", "ledger.max_rejected_share")


def _made_from(run: Run, delivered: dict[date, str], rates: dict[date, str]) -> dict[date, str]:
    source = f"source = '{run.suite.ledger.source_name}'"
    if delivered and run.lake.read_or_empty("silver.product_profile").where(source).isEmpty():
        step(run, "fit_ledger", fit_ledger.main)
    names = ("silver.product_profile", "silver.customer_profile")
    profiles = [run.lake.read_or_empty(name).where(source) for name in names]
    return provenance.made_from(
        delivered, provenance.content_digest(profiles, ("fitted_at",)), rates, run.suite
    )


def _clean(run: Run, made_from: dict[date, str]) -> None:
    """The days come last: what is listed there is whole in the other tables."""
    source, settings = run.suite.ledger.source_name, run.suite.cleaning
    of_source = f"source = '{source}'"
    lines = run.lake.read("bronze.ledger_line").where(_within("delivery_day", made_from, source).sql())
    customers = run.lake.read_or_empty("silver.customer_profile").where(of_source)
    products = run.lake.read_or_empty("silver.product_profile").where(of_source)
    names = names_of_countries(lines, customers, settings)
    # All years of rates would be broadcast to convert a single day.
    of_days = F.col("rate_day").between(F.lit(min(made_from)), F.lit(max(made_from)))
    rates = run.lake.read_or_empty("silver.exchange_rate").where(of_days)
    reporting = run.suite.rates.reporting_currency
    judged = cleaning.judge_lines(lines, products, customers, names, settings, run.suite.ledger.currency)
    with kept(judged):
        entries = cleaning.accepted_entries(judged, rates, reporting)
        run.write("silver.ledger_entry", entries, _within("entry_date", made_from, source))
        run.write_rejects(
            "silver.ledger_entry_rejected",
            cleaning.rejected_lines(judged),
            "silver.ledger_entry",
            _within("delivery_day", made_from, source),
        )
        of_entries = Slice.of("day", made_from, source=source, table_name="silver.ledger_entry")
        run.write("silver.repair", cleaning.repaired_cells(judged), of_entries)
        cleaned = cleaning.cleaned_days(judged, provenance.as_frame(run.spark, source, made_from))
        run.write("silver.ledger_day", cleaned, _within("delivery_day", made_from, source))


def _within(day_column: str, made_from: dict[date, str], source: str) -> Slice:
    return Slice.of(day_column, made_from, source=source)


if __name__ == "__main__":
    execute(__file__, main)

"""Take the ledger in as delivered, one CSV file a day: ledger.path, or generated days, to bronze.ledger_line.

Lines that have not the form of one go to bronze.ledger_line_rejected with their reason. Days that were taken
in before are left alone, unless their file has changed; --as-of DATE, or ledger.since and ledger.until, take
in some days alone. With ledger.delivered_on, days that were expected and never came are told.
"""

import logging

from invoicelake.job import Run, execute, kept
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from invoicelake.sources.landing import landing_folder
from invoicelake.sources.ledger.deliveries import DeliveredFile, delivered_files, fingerprints, parsed_lines
from invoicelake.tables import Slice
from invoicelake.transforms.ledger.chunks import chunks_of_days, missing_days
from invoicelake.transforms.ledger.received import accepted_lines, deliveries, rejected_lines, undelivered

log = logging.getLogger("invoicelake.jobs.ingest_ledger")

BYTES_AT_A_TIME = 200_000_000
_DAYS_NAMED = 10


def main(run: Run) -> None:
    """Find the days that are new or changed, and take them in some at a time."""
    settings, landing = run.suite.ledger, run.lake.side_folder("landing/ledger")
    folder = landing_folder(settings.path, "ledger.path", landing, lambda: ledger_files(run.suite))
    files = delivered_files(run.spark, folder, settings.since, settings.until)
    found = fingerprints(run.spark, files)
    known = run.lake.read_or_empty("bronze.ledger_delivery")
    days = {row.delivery_day for row in undelivered(found, known, settings.source_name).collect()}
    new = {file.day: file for file in files if file.day in days}
    for chunk in chunks_of_days([(day, file.size_bytes) for day, file in new.items()], BYTES_AT_A_TIME):
        _take_in(run, [new[day] for day in chunk])
    run.metrics["days_taken_in"] = len(new)
    if settings.delivered_on:
        _tell_missing(run)
    run.require_few_rejected("bronze.ledger_line", "ledger.max_rejected_share")


def _tell_missing(run: Run) -> None:
    """Of the whole ledger, and not of the days alone that are asked for: a scheduled run asks for one."""
    settings = run.suite.ledger
    of_source = f"source = '{settings.source_name}'"
    rows = run.lake.read("bronze.ledger_delivery").where(of_source).select("delivery_day").collect()
    missing = missing_days([row.delivery_day for row in rows], settings.delivered_on)
    run.metrics["days_missing"] = len(missing)
    if missing:
        more = f" and {len(missing) - _DAYS_NAMED} more" if len(missing) > _DAYS_NAMED else ""
        log.warning(
            "days of the ledger that were expected and not taken in: %s%s; have them delivered",
            ", ".join(map(str, missing[:_DAYS_NAMED])),
            more,
        )


def _take_in(run: Run, files: list[DeliveredFile]) -> None:
    """The deliveries come last: what is listed there is whole in the other two tables."""
    source = run.suite.ledger.source_name
    within = Slice.of("delivery_day", [file.day for file in files], source=source)
    with kept(parsed_lines(run.spark, files)) as parsed:
        run.write("bronze.ledger_line", accepted_lines(parsed, source), within)
        run.write_rejects(
            "bronze.ledger_line_rejected", rejected_lines(parsed, source), "bronze.ledger_line", within
        )
        whole = deliveries(fingerprints(run.spark, files), parsed, source)
        run.write("bronze.ledger_delivery", whole, within)


if __name__ == "__main__":
    execute(__file__, main)

"""Take the ledger in as delivered, one CSV file a day: ledger.path, or generated days, to bronze.ledger_line.

Lines that have not the form of one go to bronze.ledger_line_rejected with their reason. Days that were taken
in before are left alone, unless their file has changed; --as-of DATE, or ledger.since and ledger.until, take
in some days alone.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.sources.generated.trade.ledger_files import ledger_files
from invoicelake.sources.landing import landing_folder
from invoicelake.sources.ledger.deliveries import DeliveredFile, delivered_files, fingerprints, parsed_lines
from invoicelake.tables import Slice
from invoicelake.transforms.ledger.chunks import chunks_of_days
from invoicelake.transforms.ledger.received import accepted_lines, deliveries, rejected_lines, undelivered

BYTES_AT_A_TIME = 200_000_000


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
    run.require_few_rejected("bronze.ledger_line", "ledger.max_rejected_share")


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

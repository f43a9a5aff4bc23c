"""Take in receivables, the CSV files of receivables.path or generated ones, to bronze.receivable.

Columns are found by their names. Lines that have not the form of a receivable go to
bronze.receivable_rejected with their reason. The tables hold what the folder holds.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.sources.delivered_files import input_place, line_balance, read_delivered, require_all_kept
from invoicelake.sources.generated.trade.receivable_files import receivable_files
from invoicelake.sources.receivables import LINES, delivered_receivables, parse_files, rejected_lines
from invoicelake.transforms.arrow import map_rows


def main(run: Run) -> None:
    """Read all files, and write what changed."""
    settings, source = run.suite.receivables, run.suite.receivables.source_name
    landing, own = run.lake.side_folder("landing/receivables"), f"source = '{source}'"
    place = input_place(settings.path, "receivables.path", landing, lambda: receivable_files(run.suite))
    files = read_delivered(run.spark, place, ".csv")
    with kept(map_rows(files, parse_files, LINES)) as lines:
        run.write("bronze.receivable", delivered_receivables(lines, source), own)
        run.write_rejects(
            "bronze.receivable_rejected", rejected_lines(lines, source), of="bronze.receivable", replaces=own
        )
    accepted = run.lake.read("bronze.receivable").where(own)
    rejected = run.lake.read("bronze.receivable_rejected").where(own)
    require_all_kept(line_balance(files, 1, accepted, rejected), "bronze.receivable")
    run.require_few_rejected("bronze.receivable", "receivables.max_rejected_share")


if __name__ == "__main__":
    execute(__file__, main)

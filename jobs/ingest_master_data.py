"""Take in master data as received: files or a database to bronze.country, .supplier, .customer and .product.

Of a database only what changed since the last run is read, unless master.full_read is set.
"""

from invoicelake.job import Run, execute
from invoicelake.sources.master import TABLES, taken_in, watermark


def main(run: Run) -> None:
    """Take in one table after the other; each is there as a whole or as it was."""
    source, landing = run.suite.master.source_name, run.lake.side_folder("landing/master")
    for table in TABLES:
        spec = run.lake.specs[f"bronze.{table}"]
        since = None if run.suite.master.full_read else watermark(run.lake, spec.full_name, source)
        with taken_in(run.spark, run.suite, spec, landing, since) as delivery:
            replaces = f"source = '{source}'" if delivery.is_complete else None
            run.write(spec.full_name, delivery.rows, replaces)


if __name__ == "__main__":
    execute(__file__, main)

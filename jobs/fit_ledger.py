"""Fit what is usual for each product and customer of the ledger, into silver.product_profile.

Cleaning repairs and marks by these profiles. They change on request alone, so that cleaning a day gives the
same rows whenever it is done; after they have changed, the next clean_ledger works on all days again. Lines
after ledger.until are not looked at.
"""

from pyspark.sql import functions as F

from invoicelake.job import Run, execute
from invoicelake.transforms.ledger.lines import read_lines
from invoicelake.transforms.ledger.profiles import customer_profiles, product_profiles


def main(run: Run) -> None:
    """Write both profiles of the ledger, that of products last: where it is, both are."""
    settings = run.suite.ledger
    lines = run.lake.read("bronze.ledger_line").where(F.col("source") == settings.source_name)
    if settings.until is not None:
        lines = lines.where(F.col("delivery_day") <= F.lit(settings.until))
    read, of_ledger = read_lines(lines), f"source = '{settings.source_name}'"
    run.write("silver.customer_profile", customer_profiles(read), of_ledger)
    run.write("silver.product_profile", product_profiles(read, run.suite.cleaning), of_ledger)


if __name__ == "__main__":
    execute(__file__, main)

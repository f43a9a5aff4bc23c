"""Bring master data into one form: bronze.supplier, .customer, .product, .country to the silver tables.

What cannot be used goes to silver.*_rejected; silver.product_description says what stock codes mean.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.sources.master import TABLES
from invoicelake.transforms.master import conformed, judged, product_descriptions, rejected_rows


def main(run: Run) -> None:
    """Judge each table as a whole, for the newest of several rows counts."""
    this_source = f"source = '{run.suite.master.source_name}'"
    for table in TABLES:
        name = f"silver.{table}"
        with kept(judged(run.lake.read(f"bronze.{table}").where(this_source), table)) as rows:
            run.write(name, conformed(rows, table), replaces=this_source)
            run.write_rejects(f"{name}_rejected", rejected_rows(rows), of=name, replaces=this_source)
    products = run.lake.read("silver.product").where(this_source)
    entries = run.lake.read_or_empty("silver.ledger_entry")
    run.write("silver.product_description", product_descriptions(products, entries), replaces="true")
    for table in TABLES:
        run.require_few_rejected(f"silver.{table}", "master.max_rejected_share")


if __name__ == "__main__":
    execute(__file__, main)

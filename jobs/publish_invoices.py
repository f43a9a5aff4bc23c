"""Turn what was read into invoices: gold.invoice_field to gold.invoice, dates and amounts as such.

Line items, silver.extracted_line_item, become gold.invoice_line_item.
"""

from invoicelake.job import Run, execute
from invoicelake.transforms.invoices import published_invoices, published_line_items


def main(run: Run) -> None:
    """Publish the documents of the input's source system."""
    suite, of_source = run.suite, f"source = '{run.suite.input.format}'"
    documents = run.lake.read("silver.document").where(of_source)
    fields, checks = run.lake.read("gold.invoice_field"), run.lake.read("gold.invoice_check")
    spec = run.lake.specs["gold.invoice"]
    run.write("gold.invoice", published_invoices(documents, fields, checks, suite.publish, spec))
    invoices = run.lake.read("gold.invoice").where(of_source)
    items = run.lake.read_or_empty("silver.extracted_line_item")
    spec = run.lake.specs["gold.invoice_line_item"]
    run.write("gold.invoice_line_item", published_line_items(items, invoices, spec), of_source)


if __name__ == "__main__":
    execute(__file__, main)

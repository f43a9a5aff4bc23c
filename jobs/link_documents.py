"""Link documents to the ledger entries that they were posted as: silver.document_link.

A document is read from gold.invoice, or from its labels where no model has read it.
"""

from invoicelake.job import Run, execute
from invoicelake.transforms.entities.links import document_links, issued_documents


def main(run: Run) -> None:
    """Link all of them anew, and write what changed."""
    lake, publish, settings = run.lake, run.suite.publish, run.suite.matching
    documents = lake.read("silver.document")
    invoices, labels = lake.read_or_empty("gold.invoice"), lake.read_or_empty("silver.label")
    issued = issued_documents(documents, invoices, labels, publish.currency, publish.day_first)
    entries = lake.read("silver.ledger_entry")
    links = document_links(issued, entries, settings.link_days, settings.link_score)
    run.write("silver.document_link", links, replaces="true")


if __name__ == "__main__":
    execute(__file__, main)

"""Read what was received: bronze.document to silver.document, silver.label and silver.line_item.

What cannot be read goes to silver.document_rejected with its reason.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.transforms.documents import (
    accepted_documents,
    document_labels,
    document_line_items,
    parse_documents,
    rejected_documents,
)


def main(run: Run) -> None:
    """Read every document of the input's source system."""
    suite = run.suite
    received = run.lake.read("bronze.document").where(f"source = '{suite.input.format}'")
    with kept(parse_documents(received, suite.input.max_lines, suite.publish.currency)) as parsed:
        run.write("silver.document", accepted_documents(parsed))
        run.write("silver.label", document_labels(parsed))
        run.write("silver.line_item", document_line_items(parsed))
        run.write_rejects("silver.document_rejected", rejected_documents(parsed), of="silver.document")
    run.require_few_rejected("silver.document", "input.max_rejected_share")


if __name__ == "__main__":
    execute(__file__, main)

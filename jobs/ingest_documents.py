"""Take documents in as received: input to bronze.document.

What cannot be taken in goes to bronze.document_rejected with its reason.
"""

from invoicelake.job import Run, execute
from invoicelake.sources.catalogue import SOURCES


def main(run: Run) -> None:
    """Receive, then write."""
    received = SOURCES[run.suite.input.format].receive(run.spark, run.suite)
    run.write("bronze.document", received.documents)
    run.write_rejects("bronze.document_rejected", received.rejected, of="bronze.document")
    run.require_few_rejected("bronze.document", "input.max_rejected_share")


if __name__ == "__main__":
    execute(__file__, main)

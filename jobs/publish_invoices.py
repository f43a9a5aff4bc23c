"""Turn extracted fields into invoices: silver.extraction to gold.invoice, dates and amounts as such."""

from invoicelake.job import Run, execute
from invoicelake.transforms.invoices import published_invoices


def main(run: Run) -> None:
    """Publish the documents of the input's source system."""
    suite = run.suite
    documents = run.lake.read("silver.document").where(f"source = '{suite.input.format}'")
    extractions = run.lake.read("silver.extraction")
    spec = run.lake.specs["gold.invoice"]
    run.write("gold.invoice", published_invoices(documents, extractions, suite.publish, spec))


if __name__ == "__main__":
    execute(__file__, main)

"""Read the fields and line items of documents with the champion: silver.document to silver.extraction.

Line items go to silver.extracted_line_item, other values of a field to silver.extraction_alternative.
Documents that this version of the champion has read already are not read again.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.serving.batch import alternatives_of, extractions_of, items_of, read_documents, unread
from invoicelake.tracking import open_tracking


def main(run: Run) -> None:
    """Read what is new to the champion."""
    suite = run.suite
    tracking = open_tracking(suite.tracking, suite.lake.path)
    champion = tracking.champion()
    documents = run.lake.read("silver.document").where(f"source = '{suite.input.format}'")
    read_before = run.lake.read("silver.extraction") if run.lake.exists("silver.extraction") else None
    with tracking.bundle(champion) as bundle:
        pending = unread(documents, read_before, champion.name, champion.version)
        reading = read_documents(pending, bundle, champion.name, champion.version, run.workers)
        with kept(reading) as read:
            extractions = extractions_of(read)
            # What silver.extraction holds counts as read, so it is written last.
            run.write("silver.extraction_alternative", alternatives_of(extractions))
            run.write("silver.extracted_line_item", items_of(read))
            run.write("silver.extraction", extractions.drop("alternatives"))
    run.metrics["model_version"] = champion.version


if __name__ == "__main__":
    execute(__file__, main)

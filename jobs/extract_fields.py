"""Read the fields of documents with the champion: silver.document to silver.extraction.

Documents that this version of the champion has read already are not read again.
"""

from invoicelake.job import Run, execute
from invoicelake.serving.batch import extract, unread
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
        extractions = extract(pending, bundle, champion.name, champion.version, run.workers)
        run.write("silver.extraction", extractions)
    run.metrics["model_version"] = champion.version


if __name__ == "__main__":
    execute(__file__, main)

"""Run the main job from documents to published invoices: all steps in order, in one Spark session."""

import build_training_set
import clean_text
import evaluate_extractor
import extract_fields
import ingest_documents
import publish_invoices
import reconcile_invoices
import train_extractor
from invoicelake.job import Run, execute, step

STEPS = (
    ingest_documents,
    clean_text,
    build_training_set,
    train_extractor,
    evaluate_extractor,
    extract_fields,
    reconcile_invoices,
    publish_invoices,
)


def main(run: Run) -> None:
    """Run each step as the job it is."""
    for job in STEPS:
        step(run, job.__name__, job.main)


if __name__ == "__main__":
    execute(__file__, main)

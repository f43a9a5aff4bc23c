"""Run the data platform: ledger, receivables, master data, rates and annotations to checked gold tables.

All steps in order, in one Spark session. Documents are taken in too, to be linked to the ledger.
"""

import build_customer_features
import build_payment_delay_set
import build_sales_cube
import check_tables
import clean_master_data
import clean_receivables
import clean_text
import daily_ledger
import discretize_features
import ingest_annotations
import ingest_documents
import ingest_exchange_rates
import ingest_master_data
import ingest_receivables
import link_documents
import match_entities
import publish_views
import reduce_features
import reduce_sales
from invoicelake.job import Run, execute, step

STEPS = (
    ingest_exchange_rates,
    ingest_master_data,
    *(job for job in daily_ledger.STEPS if job is not ingest_exchange_rates),
    clean_master_data,
    ingest_documents,
    clean_text,
    ingest_receivables,
    clean_receivables,
    build_payment_delay_set,
    ingest_annotations,
    match_entities,
    link_documents,
    build_sales_cube,
    build_customer_features,
    discretize_features,
    reduce_features,
    reduce_sales,
    check_tables,
    publish_views,
)


def main(run: Run) -> None:
    """Run each step as the job it is."""
    for job in STEPS:
        step(run, job.__name__, job.main)


if __name__ == "__main__":
    execute(__file__, main)

"""Reduce sales: gold.daily_sales to gold.daily_sales_sample and gold.product_near_duplicate.

How far the answers of named queries move by each is in gold.reduction_report.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.transforms.analytics.named_queries import sales_view
from invoicelake.transforms.analytics.near_duplicates import (
    described_products,
    listed,
    merged_products,
    near_duplicate_rows,
    near_duplicates,
)
from invoicelake.transforms.analytics.reduction import sales_report
from invoicelake.transforms.analytics.sampling import stratified_sample


def main(run: Run) -> None:
    """Reduce the sales of all sources; the report comes last."""
    settings = run.suite.analytics
    daily_sales = run.lake.read("gold.daily_sales")
    sample = stratified_sample(
        daily_sales, settings.sample_share, settings.sample_certain_minor, run.suite.seed
    )
    run.write("gold.daily_sales_sample", sample, replaces="true")
    products = listed(described_products(run.lake.read_or_empty("silver.ledger_entry")))
    twins = near_duplicate_rows(run.spark, products, near_duplicates(products, settings.product_similarity))
    run.write("gold.product_near_duplicate", twins, replaces="true")
    sampled, merged = run.lake.read("gold.daily_sales_sample"), merged_products(daily_sales, twins)
    with (
        kept(sales_view(daily_sales)) as before,
        kept(sales_view(sampled)) as fewer,
        kept(sales_view(merged)) as same,
    ):
        report = sales_report("stratified_sample", before, fewer).unionByName(
            sales_report("near_duplicate_products", before, same)
        )
        reductions = "reduction IN ('stratified_sample', 'near_duplicate_products')"
        run.write("gold.reduction_report", report, replaces=reductions)


if __name__ == "__main__":
    execute(__file__, main)

"""Aggregate sales: gold.daily_sales to gold.monthly_sales and gold.sales_cube, with gold.concept_hierarchy.

Published invoices (gold.invoice) become gold.monthly_purchase, also in the reporting currency at the rate of
their day (silver.exchange_rate). Products get their groups from silver.product.
All are recomputed; what is equal commits nothing.
"""

from invoicelake.job import Run, execute, kept
from invoicelake.transforms.analytics.aggregates import monthly_purchases, monthly_sales, sales_cube
from invoicelake.transforms.analytics.hierarchies import concept_hierarchy


def main(run: Run) -> None:
    """Aggregate all sources."""
    daily_sales = run.lake.read("gold.daily_sales")
    products, invoices, rates = (
        run.lake.read_or_empty(name) for name in ("silver.product", "gold.invoice", "silver.exchange_rate")
    )
    frames = {
        "gold.concept_hierarchy": concept_hierarchy(daily_sales, products),
        "gold.monthly_sales": monthly_sales(daily_sales, products),
        "gold.sales_cube": sales_cube(daily_sales, products),
        "gold.monthly_purchase": monthly_purchases(invoices, rates, run.suite.rates.reporting_currency),
    }
    for name, frame in frames.items():
        with kept(frame):
            run.write(name, frame, replaces="true")


if __name__ == "__main__":
    execute(__file__, main)

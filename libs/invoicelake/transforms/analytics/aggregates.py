"""Sales by month, and the cube: every combination of period, place and product, each with its totals."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.transforms.analytics.hierarchies import period_names, with_places, with_product_groups
from invoicelake.transforms.rates import with_reporting_amount

# Cancellations and discounts are negative, so that sums over these are net of them.
NET_KINDS = ("sale", "cancellation", "discount")

_MEASURES = ("entries", "quantity", "amount_minor", "reporting_amount_minor", "unconverted_entries")

_CUBE = """
SELECT source, currency,
  CASE WHEN grouping(month) = 0 THEN 'month' WHEN grouping(quarter) = 0 THEN 'quarter'
       WHEN grouping(year) = 0 THEN 'year' ELSE 'all' END AS period_level,
  coalesce(month, quarter, year, 'all') AS period,
  CASE WHEN grouping(country_code) = 0 THEN 'country' WHEN grouping(region) = 0 THEN 'region'
       WHEN grouping(continent) = 0 THEN 'continent' ELSE 'all' END AS place_level,
  CASE WHEN grouping(country_code) = 0 AND country_code = '' THEN 'Unknown'
       ELSE coalesce(country_code, region, continent, 'all') END AS place,
  CASE WHEN grouping(product_group) = 0 THEN 'product_group' ELSE 'all' END AS product_level,
  coalesce(product_group, 'all') AS product,
  sum(entries) AS entries,
  sum(quantity) AS quantity,
  sum(amount_minor) AS amount_minor,
  sum(cancelled_amount_minor) AS cancelled_amount_minor,
  sum(reporting_amount_minor) AS reporting_amount_minor,
  sum(unconverted_entries) AS unconverted_entries
FROM {cells}
GROUP BY source, currency,
  ROLLUP (year, quarter, month), ROLLUP (continent, region, country_code), CUBE (product_group)
"""


def monthly_sales(daily_sales: DataFrame, products: DataFrame | None = None) -> DataFrame:
    """The columns of gold.monthly_sales; one row per month and the other dimensions of `daily_sales`."""
    month = F.trunc("entry_date", "month").alias("month")
    grouped = daily_sales.groupBy(
        "source", month, "country_code", "customer_id", "stock_code", "kind", "currency"
    ).agg(*_sums())
    return with_product_groups(grouped, products).select(
        "source",
        "month",
        "country_code",
        "customer_id",
        "stock_code",
        "product_group",
        "kind",
        "currency",
        *_MEASURES,
    )


def sales_cube(daily_sales: DataFrame, products: DataFrame | None = None) -> DataFrame:
    """The columns of gold.sales_cube; one row per source, currency, period, place and product of each level.

    A total has level `all` and name `all`, so that no null has to be told from an unknown value. Amounts of
    different currencies are never added up.
    """
    return daily_sales.sparkSession.sql(_CUBE, cells=_cells(daily_sales, products))


def monthly_purchases(invoices: DataFrame, rates: DataFrame, reporting_currency: str) -> DataFrame:
    """The columns of gold.monthly_purchase; one row per supplier, month and currency.

    Each invoice is converted at the rate of its own day.

    Args:
        invoices: gold.invoice; those without a company, date or total are left out.
        rates: silver.exchange_rate.
        reporting_currency: ISO 4217 code.
    """
    is_usable = F.col("company").isNotNull() & F.col("invoice_date").isNotNull()
    usable = invoices.where(is_usable & F.col("total_minor").isNotNull()).select(
        "source", "company", "invoice_date", "currency", "total_minor", "lowest_score"
    )
    converted = with_reporting_amount(usable, rates, reporting_currency, "invoice_date", "total_minor")
    grouped = converted.groupBy(
        "source",
        F.col("company").alias("supplier"),
        F.trunc("invoice_date", "month").alias("month"),
        "currency",
    )
    in_reporting_currency = F.col("reporting_amount_minor")
    return grouped.agg(
        F.count(F.lit(1)).alias("invoices"),
        F.sum("total_minor").alias("total_minor"),
        F.sum(F.coalesce(in_reporting_currency, F.lit(0))).alias("reporting_total_minor"),
        F.count_if(in_reporting_currency.isNull()).alias("unconverted_invoices"),
        F.min("lowest_score").alias("lowest_score"),
    )


def _cells(daily_sales: DataFrame, products: DataFrame | None) -> DataFrame:
    """Net sales by month, country and product group: few rows, which the 32 groupings then multiply."""
    net = daily_sales.where(F.col("kind").isin(*NET_KINDS))
    grouped = with_product_groups(net, products).groupBy(
        "source",
        "currency",
        F.trunc("entry_date", "month").alias("month_day"),
        "country_code",
        "product_group",
    )
    cancelled = F.when(F.col("kind") == "cancellation", F.col("amount_minor")).otherwise(F.lit(0))
    cells = grouped.agg(*_sums(), F.sum(cancelled).alias("cancelled_amount_minor"))
    periods = [column.alias(name) for name, column in period_names(F.col("month_day")).items()]
    return with_places(cells).select("*", *periods).drop("month_day")


def _sums() -> list[Column]:
    """Amounts in the reporting currency count what has a rate; the entries that have none are counted."""
    has_no_rate = F.col("reporting_amount_minor").isNull()
    return [
        F.sum("entries").alias("entries"),
        F.sum("quantity").alias("quantity"),
        F.sum("amount_minor").alias("amount_minor"),
        F.sum(F.coalesce("reporting_amount_minor", F.lit(0))).alias("reporting_amount_minor"),
        F.sum(F.when(has_no_rate, F.col("entries")).otherwise(F.lit(0))).alias("unconverted_entries"),
    ]

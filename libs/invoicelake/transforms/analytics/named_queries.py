"""Questions that analysts ask, declared once, so that every reduction says what it does to the answers.

Each is Spark SQL that gives `source`, `label` (what the answer is about) and `answer`. Money is in minor
units of the reporting currency; sums are exact before they are divided.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame, functions as F

from invoicelake.transforms.analytics.aggregates import NET_KINDS
from invoicelake.transforms.analytics.hierarchies import with_places

_TOP_DECILE = """
WITH amounts AS (
  SELECT source, {member}, sum({amount}) AS amount FROM {{rows}} WHERE {member} <> '' GROUP BY ALL),
ranked AS (SELECT source, amount, count(*) OVER (PARTITION BY source) AS members,
  row_number() OVER (PARTITION BY source ORDER BY amount DESC, {member}) AS place FROM amounts)
SELECT source, 'all' AS label,
  CAST(sum(CASE WHEN place <= ceil(members / 10) THEN amount END) AS double)
    / CAST(sum(amount) AS double) AS answer
FROM ranked GROUP BY source
"""
_WEIGHTED = "reporting_amount_minor * weight"

# Asked of what `sales_view` gives. A sample cannot know how many baskets or products there are in all: the
# queries of these count those that it has.
SALES_QUERIES: Mapping[str, str] = {
    "monthly_revenue": f"""
SELECT source, date_format(entry_date, 'yyyy-MM') AS label, CAST(sum({_WEIGHTED}) AS double) AS answer
FROM {{rows}} GROUP BY ALL""",
    "average_line_value_by_region": f"""
SELECT source, region AS label,
  CAST(sum({_WEIGHTED}) AS double) / CAST(sum(entries * weight) AS double) AS answer
FROM {{rows}} GROUP BY source, region""",
    "average_basket_by_region": """
SELECT source, region AS label,
  CAST(sum(reporting_amount_minor) AS double) / count(DISTINCT customer_id, entry_date) AS answer
FROM {rows} WHERE customer_id <> '' GROUP BY source, region""",
    "revenue_share_of_top_decile_customers": _TOP_DECILE.format(member="customer_id", amount=_WEIGHTED),
    "revenue_share_of_top_decile_products": _TOP_DECILE.format(member="stock_code", amount=_WEIGHTED),
    "products_sold": """
SELECT source, 'all' AS label, CAST(count(DISTINCT stock_code) AS double) AS answer
FROM {rows} WHERE stock_code <> '' GROUP BY source""",
}

# Asked of customers: source, customer_id, region, net_amount_minor, average_basket_minor.
CUSTOMER_QUERIES: Mapping[str, str] = {
    "average_basket_by_region": """
SELECT source, region AS label,
  CAST(sum(average_basket_minor) AS double) / count(average_basket_minor) AS answer
FROM {rows} GROUP BY source, region""",
    "revenue_share_of_top_decile_customers": _TOP_DECILE.format(
        member="customer_id", amount="net_amount_minor"
    ),
}


def sales_view(daily_sales: DataFrame) -> DataFrame:
    """Net sales as `SALES_QUERIES` ask them: with `region`, and `weight`, which is 1 where there is none."""
    weight = F.col("weight") if "weight" in daily_sales.columns else F.lit(1)
    net = daily_sales.where(F.col("kind").isin(*NET_KINDS))
    return with_places(net).select(
        "source",
        "entry_date",
        "region",
        "customer_id",
        "stock_code",
        "entries",
        F.coalesce("reporting_amount_minor", F.lit(0)).alias("reporting_amount_minor"),
        weight.cast("decimal(18,6)").alias("weight"),
    )


def answers(rows: DataFrame, queries: Mapping[str, str]) -> DataFrame:
    """`source`, `query`, `label` and `answer`; one row per answer of all queries."""
    asked = [
        rows.sparkSession.sql(sql, rows=rows).select(
            "source", F.lit(name).alias("query"), "label", F.col("answer").cast("double")
        )
        for name, sql in queries.items()
    ]
    return reduce(DataFrame.unionByName, asked)

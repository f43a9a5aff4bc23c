"""What is known of a customer on a day: recency, frequency, money and what goes with them."""

from __future__ import annotations

from datetime import date

from pyspark.sql import Column, DataFrame, Window, functions as F

from invoicelake.transforms.analytics.aggregates import NET_KINDS
from invoicelake.transforms.analytics.hierarchies import with_places

# Numbers that normalisation, selection and components start from.
FEATURES = (
    "recency_days",
    "purchase_days",
    "net_amount_minor",
    "average_basket_minor",
    "products",
    "quantity",
    "entries",
    "active_months",
    "days_between",
    "cancelled_share",
)
# Those that gold.customer_feature also gives normalised and binned.
SCALED = ("recency_days", "purchase_days", "net_amount_minor", "average_basket_minor", "products")
TARGET = "has_bought_again"
_SCORES = 5


def customer_features(daily_sales: DataFrame, as_of: date | None, days_before: int = 0) -> DataFrame:
    """One row per customer with a sale, cancellation or discount up to the day that it is as of.

    Recency, frequency and money are scored 1 (worst) to 5 by their place among the customers of the source;
    equal values have equal scores. Money is in the reporting currency.

    Args:
        daily_sales: gold.daily_sales; rows without a customer are left out.
        as_of: nothing after this day is looked at; None: the last day of each source.
        days_before: look from so many days earlier.
    """
    net = _until(daily_sales, as_of, days_before)
    grouped = net.groupBy("source", "customer_id", "as_of").agg(*_sums(), *_sale_facts())
    measured = grouped.select("*", *_ratios())
    scored = measured.select("*", *_scores())
    placed = with_places(scored)
    return placed.select(
        "source",
        "customer_id",
        "as_of",
        "country_code",
        "region",
        "first_sale_date",
        "last_sale_date",
        *FEATURES,
        "sold_amount_minor",
        "cancelled_amount_minor",
        "unconverted_entries",
        "recency_score",
        "frequency_score",
        "money_score",
        F.concat("recency_score", "frequency_score", "money_score").alias("rfm_class"),
    )


def labelled_customers(daily_sales: DataFrame, as_of: date | None, days: int) -> DataFrame:
    """Features as they were `days` before `as_of`, and `has_bought_again`: a sale in the days since then.

    Features and target never overlap in time, so that what they tell of the target was known before it.
    """
    features = customer_features(daily_sales, as_of, days_before=days)
    since = _until(daily_sales, as_of, 0).where(
        (F.col("kind") == "sale") & (F.col("entry_date") > F.date_sub("as_of", days))
    )
    bought = since.select("source", "customer_id").distinct().withColumn(TARGET, F.lit(True))
    joined = features.join(bought, on=["source", "customer_id"], how="left")
    return joined.select(*features.columns, F.coalesce(TARGET, F.lit(False)).alias(TARGET))


def _until(daily_sales: DataFrame, as_of: date | None, days_before: int) -> DataFrame:
    """Net sales of known customers, with `as_of`, and none after it."""
    last = F.max("entry_date") if as_of is None else F.lit(as_of)
    days = daily_sales.groupBy("source").agg(F.date_sub(last, days_before).alias("as_of"))
    is_customers = (F.col("customer_id") != "") & F.col("kind").isin(*NET_KINDS)
    joined = daily_sales.where(is_customers).join(F.broadcast(days), on="source", how="inner")
    return joined.where(F.col("entry_date") <= F.col("as_of"))


def _sums() -> list[Column]:
    money = F.col("reporting_amount_minor")
    of_sales = F.when(F.col("kind") == "sale", money)
    of_cancellations = F.when(F.col("kind") == "cancellation", money)
    return [
        F.sum("entries").alias("entries"),
        F.sum("quantity").alias("quantity"),
        F.sum(money).alias("net_amount_minor"),
        F.coalesce(F.sum(of_sales), F.lit(0)).alias("sold_amount_minor"),
        F.coalesce(F.sum(of_cancellations), F.lit(0)).alias("cancelled_amount_minor"),
        F.sum(F.when(money.isNull(), F.col("entries")).otherwise(F.lit(0))).alias("unconverted_entries"),
    ]


def _sale_facts() -> list[Column]:
    is_sale = F.col("kind") == "sale"
    sale_date = F.when(is_sale, F.col("entry_date"))
    product = F.when(is_sale & (F.col("stock_code") != ""), F.col("stock_code"))
    latest = F.max(F.struct("entry_date", "country_code"))
    return [
        latest["country_code"].alias("country_code"),
        F.min(sale_date).alias("first_sale_date"),
        F.max(sale_date).alias("last_sale_date"),
        F.size(F.collect_set(sale_date)).cast("bigint").alias("purchase_days"),
        F.size(F.collect_set(F.trunc(sale_date, "month"))).cast("bigint").alias("active_months"),
        F.size(F.collect_set(product)).cast("bigint").alias("products"),
    ]


def _ratios() -> list[Column]:
    days, sold = F.col("purchase_days"), F.col("sold_amount_minor")
    lifetime = F.datediff("last_sale_date", "first_sale_date")
    return [
        F.datediff("as_of", "last_sale_date").cast("bigint").alias("recency_days"),
        F.when(days > 0, F.round(sold / days)).cast("bigint").alias("average_basket_minor"),
        F.when(days > 1, lifetime / (days - 1)).alias("days_between"),
        F.when(sold > 0, -F.col("cancelled_amount_minor") / sold).alias("cancelled_share"),
    ]


def _scores() -> list[Column]:
    orders = {
        "recency_score": F.col("recency_days").desc_nulls_first(),
        "frequency_score": F.col("purchase_days").asc(),
        "money_score": F.col("net_amount_minor").asc_nulls_first(),
    }
    return [
        F.ceil(F.cume_dist().over(Window.partitionBy("source").orderBy(order)) * _SCORES)
        .cast("int")
        .alias(name)
        for name, order in orders.items()
    ]

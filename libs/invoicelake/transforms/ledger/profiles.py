"""What is usual for each product and each customer of a ledger, fitted to its own lines."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake import config
from invoicelake.transforms.ledger.kinds import is_cancelling, is_product
from invoicelake.transforms.outliers import with_spread

_PRODUCT = ["source", "stock_code"]
# What clerks write in place of a description; nothing of it names goods.
_REMARK = (
    r"(?i)^[^a-z]*$|damage|\bcheck|\bfound\b|\blost\b|\bwet\b|sold as|thrown|adjust|amazon|\be-?bay\b|dotcom$"
    r"|unsale|smash|broken|missing|wrong|mixed up|\bcrack|mould|rust|\btest\b|\berror\b|incorrect|put aside"
    r"|given away|counted|label mix|\bmix up|wrongly|destroyed|returned|\bstock\b|mailout|sample"
)


def product_profiles(lines: DataFrame, settings: config.Cleaning) -> DataFrame:
    """The columns of silver.product_profile; one row per source and stock code of goods.

    Args:
        lines: as from `read_lines`.
    """
    goods = lines.where(is_product(F.col("stock_code")))
    # A cancellation repeats the sale's price and would count it twice.
    is_sale = (F.col("quantity") > 0) & (F.col("unit_price") > 0) & ~is_cancelling(F.col("invoice_number"))
    sold = goods.where(is_sale).select(
        *_PRODUCT,
        "unit_price",
        F.log(F.col("quantity").cast("double")).alias("log_quantity"),
        F.log(F.col("unit_price").cast("double")).alias("log_price"),
    )
    profiles = _descriptions(goods, settings)
    for part in (_levels(sold, settings), _spread(sold, "log_price"), _spread(sold, "log_quantity")):
        profiles = profiles.join(part, on=_PRODUCT, how="left")
    return profiles.select(
        *_PRODUCT,
        "lines",
        F.coalesce("sales", F.lit(0)).cast("bigint").alias("sales"),
        "description",
        "other_descriptions",
        "price_levels",
        *(f"log_{of}_{name}" for of in ("price", "quantity") for name in _STATISTICS),
    )


_STATISTICS = ("median", "mad", "first_quartile", "third_quartile")


def customer_profiles(lines: DataFrame) -> DataFrame:
    """The columns of silver.customer_profile: each customer's most frequent country, the first of equals."""
    counted = (
        lines.where(F.col("customer_id").isNotNull() & F.col("country").isNotNull())
        .groupBy("source", "customer_id", "country")
        .agg(F.count(F.lit(1)).alias("lines"))
    )
    best = F.min(F.struct((-F.col("lines")).alias("fewest"), "country"))["country"]
    return counted.groupBy("source", "customer_id").agg(best.alias("country"), F.sum("lines").alias("lines"))


def _descriptions(goods: DataFrame, settings: config.Cleaning) -> DataFrame:
    """Lines of each product, the description most used on sales, and others that are meant too."""
    text = F.col("description")
    counted = goods.groupBy(*_PRODUCT, "description").agg(
        F.count(F.lit(1)).alias("times"), F.count_if(F.col("unit_price") > 0).alias("sold")
    )
    is_name = text.isNotNull() & ~text.rlike(_REMARK)
    # Write-offs have no price and their remarks are often the only other texts, so sales count first.
    rank = F.struct((-F.col("sold")).alias("by_sales"), (-F.col("times")).alias("by_lines"), "description")
    best = F.min(F.when(is_name, rank))["description"]
    needed = F.greatest(F.lit(settings.level_min_lines), F.col("lines") * F.lit(settings.level_min_share))
    in_use = F.expr("filter(names, each -> each.times >= needed AND each.description != description)")
    return (
        counted.groupBy(*_PRODUCT)
        .agg(
            F.sum("times").alias("lines"),
            best.alias("description"),
            F.array_sort(F.collect_list(F.when(is_name, F.struct("description", "times")))).alias("names"),
        )
        .withColumn("needed", needed)
        .select(
            *_PRODUCT,
            "lines",
            "description",
            F.transform(in_use, lambda each: each["description"]).alias("other_descriptions"),
        )
    )


def _levels(sold: DataFrame, settings: config.Cleaning) -> DataFrame:
    """The prices that a product is usually sold at; null where they cover too few of its sales."""
    counted = sold.groupBy(*_PRODUCT, "unit_price").agg(F.count(F.lit(1)).alias("times"))
    prices = counted.groupBy(*_PRODUCT).agg(
        F.sum("times").alias("sales"),
        F.array_sort(F.collect_list(F.struct("unit_price", "times"))).alias("prices"),
    )
    least = F.greatest(F.lit(settings.level_min_lines), F.col("sales") * F.lit(settings.level_min_share))
    usual = prices.withColumn("least", least).withColumn(
        "usual", F.expr("filter(prices, each -> each.times >= least)")
    )
    covered = F.expr("aggregate(usual, 0L, (sum, each) -> sum + each.times)")
    are_enough = covered >= F.lit(settings.levels_min_coverage) * F.col("sales")
    return usual.select(
        *_PRODUCT, "sales", F.when(are_enough, F.col("usual.unit_price")).alias("price_levels")
    )


def _spread(sold: DataFrame, column: str) -> DataFrame:
    def named(name: str) -> Column:
        return F.col(name).alias(f"{column}_{name}")

    return with_spread(sold, column, _PRODUCT).select(*_PRODUCT, *map(named, _STATISTICS))

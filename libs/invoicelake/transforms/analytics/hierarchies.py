"""Concept hierarchies: day to year, product to group, country to continent."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, functions as F

from invoicelake.transforms.analytics.regions import COUNTRIES, UNKNOWN

NO_PRODUCT = "none"
OTHER_PRODUCT = "other"
_GENERATED = "generated"


def period_names(day: Column) -> dict[str, Column]:
    """Month `2011-01`, quarter `2011-Q1` and year `2011` of a date, as text that sorts by time."""
    year = F.date_format(day, "yyyy")
    return {
        "month": F.date_format(day, "yyyy-MM"),
        "quarter": F.concat(year, F.lit("-Q"), F.quarter(day).cast("string")),
        "year": year,
    }


def with_places(entries: DataFrame) -> DataFrame:
    """Add `region` and `continent` of `country_code`; `Unknown` where it is empty or no ISO code."""
    countries = entries.sparkSession.createDataFrame(
        COUNTRIES, "country_code string, region string, continent string"
    )
    joined = entries.join(F.broadcast(countries), on="country_code", how="left")
    return joined.select(
        *entries.columns,
        F.coalesce("region", F.lit(UNKNOWN)).alias("region"),
        F.coalesce("continent", F.lit(UNKNOWN)).alias("continent"),
    )


def with_product_groups(entries: DataFrame, products: DataFrame | None = None) -> DataFrame:
    """Add `product_group` of `stock_code`.

    Args:
        entries: with `source` and `stock_code`, empty where there is none.
        products: silver.product; generated ones count for generated ledgers alone, for their codes mean
            something else elsewhere. A code without a group there goes by its first two digits, the range of
            the catalogue that it is in (`22…`). A code that does not begin with two digits, such as POST, is
            `other`; an empty one is `none`.
    """
    digits = F.regexp_extract("stock_code", r"^(\d\d)", 1)
    by_code = (
        F.when(F.col("stock_code") == "", NO_PRODUCT)
        .when(digits == "", OTHER_PRODUCT)
        .otherwise(F.concat(digits, F.lit("…")))
    )
    if products is None:
        return entries.select(*entries.columns, by_code.alias("product_group"))
    is_real = F.col("source") != _GENERATED
    groups = products.groupBy("stock_code").agg(
        F.min("product_group").alias("any_group"),
        F.min(F.when(is_real, F.col("product_group"))).alias("real_group"),
    )
    joined = entries.join(F.broadcast(groups), on="stock_code", how="left")
    listed = F.when(is_real, F.col("real_group")).otherwise(F.col("any_group"))
    return joined.select(*entries.columns, F.coalesce(listed, by_code).alias("product_group"))


def concept_hierarchy(daily_sales: DataFrame, products: DataFrame | None = None) -> DataFrame:
    """The columns of gold.concept_hierarchy: every day, product and country, with the concepts above it.

    Days and products are those of `daily_sales`, countries are all that there are. Of a code with different
    groups in different sources it is the first group by alphabet.
    """
    days = daily_sales.select("entry_date").distinct()
    periods = period_names(F.col("entry_date"))
    codes = with_product_groups(daily_sales.select("source", "stock_code").distinct(), products)
    groups = codes.groupBy("stock_code").agg(F.min("product_group").alias("product_group"))
    countries = daily_sales.sparkSession.createDataFrame(
        COUNTRIES, "country_code string, region string, continent string"
    )
    return (
        _levels(
            days.select("entry_date", *_named(periods)), "day", "entry_date", ("month", "quarter", "year")
        )
        .unionByName(_levels(groups, "product", "stock_code", ("product_group",)))
        .unionByName(_levels(countries, "country", "country_code", ("region", "continent")))
    )


def _named(columns: dict[str, Column]) -> list[Column]:
    return [column.alias(name) for name, column in columns.items()]


def _levels(members: DataFrame, hierarchy: str, member: str, levels: tuple[str, ...]) -> DataFrame:
    """One row per member and level above it; rank 1 is the level next to the member."""
    steps = [
        F.struct(F.lit(level).alias("level"), F.lit(rank).alias("rank"), F.col(level).alias("concept"))
        for rank, level in enumerate(levels, start=1)
    ]
    return members.select(
        F.lit(hierarchy).alias("hierarchy"),
        F.col(member).cast("string").alias("member"),
        F.explode(F.array(*steps)).alias("step"),
    ).select("hierarchy", "member", "step.level", "step.rank", "step.concept")

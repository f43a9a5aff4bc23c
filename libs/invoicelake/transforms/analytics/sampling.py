"""A stratified sample of the daily sales: the same rows for the same data, whatever other months hold."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window, functions as F

KEY = ("source", "entry_date", "country_code", "customer_id", "stock_code", "kind", "currency")
MEASURES = ("entries", "quantity", "amount_minor", "reporting_amount_minor")


def stratified_sample(daily_sales: DataFrame, share: float, certain_minor: int, seed: int) -> DataFrame:
    """The columns of gold.daily_sales_sample: of each source, country and month, its share of rows.

    Rows of at least `certain_minor`, in either direction, are all taken: a few large orders and their
    cancellations make up much of the revenue. Of the N other rows of a stratum `share` times N are taken,
    rounded half up, and at least one: those whose keys have the smallest hashes. `weight` is N over the
    number taken, to six decimals, so that weighted sums estimate those of all rows. Each stratum is settled
    by itself, so that a new month leaves the others alone.
    """
    is_certain = F.abs("amount_minor") >= F.lit(certain_minor)
    drawn = daily_sales.select(
        "*", F.xxhash64(F.lit(seed), *KEY).alias("draw"), is_certain.alias("is_certain")
    )
    stratum = ("source", "country_code", F.trunc("entry_date", "month"), "is_certain")
    by_draw = Window.partitionBy(*stratum).orderBy("draw", *KEY)
    whole = Window.partitionBy(*stratum)
    ranked = drawn.select(
        "*", F.row_number().over(by_draw).alias("rank"), F.count("*").over(whole).alias("rows")
    )
    shared = F.greatest(F.floor(F.col("rows") * F.lit(share) + 0.5), F.lit(1))
    taken = F.when(F.col("is_certain"), F.col("rows")).otherwise(shared)
    weight = (F.col("rows").cast("decimal(18,0)") / taken.cast("decimal(18,0)")).cast("decimal(18,6)")
    chosen = ranked.withColumn("taken", taken).where("rank <= taken")
    return chosen.select(*KEY, *MEASURES, weight.alias("weight"))

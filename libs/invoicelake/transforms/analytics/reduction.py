"""Reports on reductions: how much became less, and how far the answers of named queries moved by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake.transforms.analytics.customers import FEATURES
from invoicelake.transforms.analytics.fitted import Fit
from invoicelake.transforms.analytics.matrices import Floats, Matrix
from invoicelake.transforms.analytics.named_queries import (
    CUSTOMER_QUERIES,
    SALES_QUERIES,
    answers,
)

_REPORT = (
    "source",
    "reduction",
    "query",
    "label",
    "rows_before",
    "rows_after",
    "columns_before",
    "columns_after",
    "answer_before",
    "answer_after",
    "relative_change",
)


def sales_report(reduction: str, before: DataFrame, after: DataFrame) -> DataFrame:
    """The columns of gold.reduction_report for a reduction of gold.daily_sales to fewer rows.

    Args:
        before: what `sales_view` gives of the whole; the queries read it several times.
        after: the same of what is left.
    """
    return _report(reduction, before, after, SALES_QUERIES, (1, 1))


def customer_report(
    spark: SparkSession, reduction: str, customers: Matrix, rebuilt: Floats, columns_after: int
) -> DataFrame:
    """The columns of gold.reduction_report for a reduction of the customers' features to fewer columns.

    The queries are answered from all features, and from those that can be rebuilt from what was kept.

    Args:
        customers: with `region` in its rest.
        rebuilt: float64 `(R, F)`.
    """
    before = _customer_rows(spark, customers, customers.values)
    after = _customer_rows(spark, customers, rebuilt)
    return _report(reduction, before, after, CUSTOMER_QUERIES, (len(FEATURES), columns_after))


def explained_variance(spark: SparkSession, fit: Fit, rows: int) -> DataFrame:
    """The columns of gold.reduction_report: which share of the variance the first components explain."""
    shares = fit.values("", "explained_share")
    explained = [sum(shares[: place + 1]) for place in range(len(shares))]
    made = [
        (
            "all",
            "principal_components",
            "explained_variance",
            f"first {place}",
            rows,
            rows,
            len(FEATURES),
            place,
            1.0,
            share,
            share - 1,
        )
        for place, share in enumerate(explained, start=1)
    ]
    ddl = (
        "source string, reduction string, query string, label string, "
        "rows_before bigint, rows_after bigint, columns_before int, columns_after int, "
        "answer_before double, answer_after double, relative_change double"
    )
    return spark.createDataFrame(made, ddl)


def _report(
    reduction: str, before: DataFrame, after: DataFrame, queries: Mapping[str, str], columns: tuple[int, int]
) -> DataFrame:
    old = answers(before, queries).withColumnRenamed("answer", "answer_before")
    new = answers(after, queries).withColumnRenamed("answer", "answer_after")
    counts = _rows(before, "rows_before").join(_rows(after, "rows_after"), on="source", how="left")
    joined = old.join(new, on=["source", "query", "label"], how="full").join(counts, on="source", how="left")
    change = (F.col("answer_after") - F.col("answer_before")) / F.abs("answer_before")
    return joined.withColumns(
        {
            "reduction": F.lit(reduction),
            "rows_after": F.coalesce("rows_after", F.lit(0)),
            "columns_before": F.lit(columns[0]),
            "columns_after": F.lit(columns[1]),
            "relative_change": F.when(F.col("answer_before") != 0, change),
        }
    ).select(*_REPORT)


def _rows(rows: DataFrame, name: str) -> DataFrame:
    return rows.groupBy("source").agg(F.count(F.lit(1)).alias(name))


def _customer_rows(spark: SparkSession, customers: Matrix, values: Floats) -> DataFrame:
    """What `CUSTOMER_QUERIES` ask, amounts rounded to minor units so that their sums are exact."""
    amounts: Sequence[list[int]] = [
        [round(value) for value in values[:, FEATURES.index(name)].tolist()]
        for name in ("net_amount_minor", "average_basket_minor")
    ]
    rows = [
        (*key, region, amount, basket)
        for key, region, amount, basket in zip(
            customers.keys, customers.rest["region"], *amounts, strict=True
        )
    ]
    ddl = (
        "source string, customer_id string, region string, "
        "net_amount_minor bigint, average_basket_minor bigint"
    )
    return spark.createDataFrame(rows, ddl)

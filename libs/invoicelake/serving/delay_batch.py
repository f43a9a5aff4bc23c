"""The model of payment delay applied to a table of receivables, in Spark's Python workers."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from pyspark.sql import DataFrame, functions as F

from invoicelake.models.delay_bundle import load_delay_bundle
from invoicelake.models.delay_encoding import INPUTS
from invoicelake.serving.shipped import opened, shipped
from invoicelake.transforms.arrow import Row, map_rows

KEY = ("source", "invoice_number")
_JUDGED = "source string, invoice_number string, predicted_days double, late_probability double"
_ROWS_AT_A_TIME = 4096


def judged(examples: DataFrame, bundle: str | Path, partitions: int) -> DataFrame:
    """Judge receivables: `source`, `invoice_number`, `predicted_days` and `late_probability`, one row each.

    Args:
        examples: as gold.payment_delay_example.
        bundle: folder of the model, on this machine; its files travel to the workers.
        partitions: workers at once; each pays for a start of TensorFlow, so few and large ones.
    """
    files = shipped(examples.sparkSession, bundle)

    def judge_all(rows: Iterator[Row]) -> Iterable[Row]:
        while some := list(islice(rows, _ROWS_AT_A_TIME)):
            predictor = opened(files.value, load_delay_bundle)
            found = predictor.predict({name: [row[name] for row in some] for name in INPUTS})
            for row, days, probability in zip(some, *map(list, found), strict=True):
                yield {
                    **{name: row[name] for name in KEY},
                    "predicted_days": float(days),
                    "late_probability": float(probability),
                }

    # In a stable order, for which rows share a batch can move the last digit.
    spread = examples.select(*KEY, *INPUTS).repartition(partitions, *KEY).sortWithinPartitions(*KEY)
    return map_rows(spread, judge_all, _JUDGED)


def delay_predictions(
    examples: DataFrame,
    judgements: DataFrame,
    unseen_from: datetime.date,
    model_name: str,
    model_version: int,
) -> DataFrame:
    """The columns of gold.payment_delay_prediction; one row per receivable.

    Args:
        examples: gold.payment_delay_example.
        judgements: what `judged` gives of them.
        unseen_from: of the model.
        model_name: written into each row.
        model_version: written into each row.
    """
    return examples.join(judgements, on=list(KEY), how="inner").select(
        *KEY,
        "customer_id",
        "invoice_date",
        F.date_add("invoice_date", F.col("terms_days")).alias("due_date"),
        "amount_minor",
        "currency",
        F.col("settled_date").isNotNull().alias("is_settled"),
        F.col("predicted_days").alias("days_late"),
        "late_probability",
        (F.col("invoice_date") < F.lit(unseen_from)).alias("is_seen"),
        F.lit(model_name).alias("model_name"),
        F.lit(model_version).alias("model_version"),
    )

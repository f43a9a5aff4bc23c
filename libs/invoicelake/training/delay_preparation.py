"""What the lake holds for training on payment delay: pinned splits, and what their rows were encoded with."""

from __future__ import annotations

import datetime

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.delay_encoding import DelayEncoding
from invoicelake.tables import Lake
from invoicelake.training.delay_examples import (
    EXAMPLES,
    TENSORS_TABLE,
    delay_encoding,
    delay_requests,
    unseen_from,
)
from invoicelake.training.delay_task import DelayTask
from invoicelake.training.job import TrainingJob
from invoicelake.training.preparation import pinned_job
from invoicelake.transforms.analytics.fitted import current, stored_fits


def prepared_delay_training(lake: Lake, suite: config.Suite) -> tuple[TrainingJob, DelayTask, datetime.date]:
    """The job on the newest version of the tensors, its task, and the day from which it knows nothing.

    Raises:
        JobError: there are no tensors of the source, or what they were encoded with is not stored.
    """
    source = suite.receivables.source_name
    rows = lake.read(TENSORS_TABLE).where(F.col("source") == source)
    task = DelayTask(suite.delay_model, _encoding(lake, rows, suite))
    job = pinned_job(lake, TENSORS_TABLE, source, task, suite.delay_training, suite.seed)
    return job, task, unseen_from(rows)


def _encoding(lake: Lake, rows: DataFrame, suite: config.Suite) -> DelayEncoding:
    """What all rows were encoded with."""
    source = suite.receivables.source_name
    used = [row["encoder_id"] for row in rows.select("encoder_id").distinct().collect()]
    stored = stored_fits(lake.read("gold.fitted_parameter").where(F.col("input_table") == EXAMPLES))
    fits = [current(stored, request) for request in delay_requests(source, suite.delay_model)]
    scales, bins, categories = fits
    if scales and bins and categories:
        encoding = delay_encoding(scales, bins, categories)
        if used == [encoding.identifier]:
            return encoding
    raise JobError(
        f"no tensors of receivables of {source} by these settings in {lake.path}; "
        "run build_payment_delay_tensors first"
    )

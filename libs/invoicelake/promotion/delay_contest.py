"""Champion and challenger judge the same receivables; the better one is champion from then on."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F

from invoicelake.errors import JobError
from invoicelake.evaluation.delay_baselines import KEY
from invoicelake.evaluation.delay_metrics import Floats
from invoicelake.models.delay_bundle import DelayPredictor, load_delay_bundle
from invoicelake.models.delay_encoding import DAYS_SCALE
from invoicelake.serving.delay_batch import judged
from invoicelake.tracking import RegisteredModel, Tracking

log = logging.getLogger(__name__)

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class DelayEntry:
    """A model version and what it expected of settled receivables.

    Attributes:
        model: the version.
        predictor: its files, opened.
        rows: `(R,)` each, in the order of the key: the key, `split`, `invoice_date`, `days_late`,
            `predicted_days`, `late_probability`.
    """

    model: RegisteredModel
    predictor: DelayPredictor
    rows: Columns


def delay_entry(
    examples: DataFrame, tracking: Tracking, model: RegisteredModel, partitions: int
) -> DelayEntry:
    """Have a model version judge the settled receivables among `examples` that it was not trained on."""
    settled = examples.where(F.col("days_late").isNotNull())
    with tracking.bundle(model) as bundle:
        labels = settled.select(*KEY, "split", "invoice_date", "days_late")
        found = labels.join(judged(settled, bundle, partitions), on=list(KEY), how="inner")
        return DelayEntry(model, load_delay_bundle(bundle), collected(found))


def collected(rows: DataFrame) -> Columns:
    """Columns on the driver, in the order of the key."""
    # pyspark's own type of what toPandas gives has none of pandas' methods.
    taken: Any = rows.toPandas()
    ordered = taken.sort_values(list(KEY))
    return {name: ordered[name].to_numpy() for name in ordered}


def unseen(rows: Columns, since: datetime.date) -> NDArray[np.bool_]:
    """Which rows of the test split are of that invoice day or later.

    Raises:
        JobError: none is.
    """
    found: NDArray[np.bool_] = (rows["split"] == "test") & (rows["invoice_date"] >= since)
    if not found.any():
        raise JobError(
            f"no settled receivables of {since} or later in the test split, so nothing new to score a model "
            "of payment delay on; wait for settlements, or set payment_delay.test_from earlier, train again"
        )
    return found


def decide_delay(entries: Sequence[DelayEntry], tracking: Tracking) -> DelayEntry:
    """The entry whose model is champion from now on.

    A challenger wins where, on receivables later than all that either has seen, the sum of its error (in tens
    of days) and its log loss is no higher than the champion's.
    """
    champion, challenger = entries[0], entries[-1]
    if champion is challenger:
        if tracking.is_challenger(champion.model):
            tracking.promote(champion.model)
        return champion
    new = unseen(champion.rows, max(each.predictor.unseen_from for each in entries))
    losses = [float(_losses(each.rows)[new].mean()) for each in (champion, challenger)]
    log.info("on %d receivables new to both: champion %.4f, challenger %.4f", new.sum(), *losses)
    if losses[1] <= losses[0]:
        tracking.promote(challenger.model)
        return challenger
    tracking.reject(challenger.model)
    return champion


def _losses(rows: Columns) -> Floats:
    days_late, probability = rows["days_late"].astype(np.float64), rows["late_probability"]
    likelihood = np.where(days_late > 0, probability, 1 - probability)
    error = np.abs(rows["predicted_days"] - days_late) / DAYS_SCALE
    found: Floats = error - np.log(np.maximum(likelihood, 1e-12))
    return found

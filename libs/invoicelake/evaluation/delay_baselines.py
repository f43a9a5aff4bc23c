"""What a model of payment delay is compared with: constants, boosted trees and logistic regression.

They learn from the same rows and the same features as the model. What is to be chosen (loss and depth of
trees, strength of regularisation) is chosen by validation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.evaluation.delay_metrics import Floats
from invoicelake.models.delay_encoding import DAYS_SCALE, INPUTS, DelayEncoding
from invoicelake.transforms.arrow import Row, map_rows

if TYPE_CHECKING:
    from pyspark.ml import Estimator

KEY = ("source", "invoice_number")
_FEATURES = (
    "source string, invoice_number string, split string, days_late double, late double, "
    "tens_of_days double, trees array<double>, linear array<double>"
)
_ROWS_PER_PARTITION = 250_000
_STRENGTHS = (0.0, 0.003, 0.01, 0.03, 0.1)


def with_features(examples: DataFrame, encoding: DelayEncoding) -> DataFrame:
    """Settled receivables with features for trees (numbers, bins, customer) and for linear models.

    The latter are numbers, and 0 or 1 for each value of a bin and each customer. Days from the due date come
    in tens: by absolute error Spark's trees move a prediction by a tenth of a unit at most, each.

    Args:
        examples: gold.payment_delay_example.
        encoding: fitted to the train split.
    """
    from pyspark.ml.functions import array_to_vector

    def encode_all(rows: Iterator[Row]) -> Iterable[Row]:
        some = list(rows)
        tensors = encoding.encode({name: [row[name] for row in some] for name in INPUTS})
        trees = np.concatenate([tensors["numbers"], tensors["bins"], tensors["customer"]], axis=1)
        linear = np.concatenate([tensors["numbers"], _indicators(tensors, encoding)], axis=1)
        for number, row in enumerate(some):
            yield {
                **{name: row[name] for name in (*KEY, "split")},
                "days_late": float(row["days_late"]),
                "late": float(row["is_late"]),
                "tens_of_days": ((row["settled_date"] - row["invoice_date"]).days - row["terms_days"])
                / DAYS_SCALE,
                "trees": trees[number].tolist(),
                "linear": linear[number].tolist(),
            }

    made = map_rows(examples.where("days_late IS NOT NULL"), encode_all, _FEATURES)
    return made.withColumns({name: array_to_vector(F.col(name)) for name in ("trees", "linear")})


def in_order(examples: DataFrame, rows: int) -> DataFrame:
    """The same rows in few partitions, sorted, so that what is fitted to them comes out the same again."""
    partitions = rows // _ROWS_PER_PARTITION + 1
    return examples.repartitionByRange(partitions, *KEY).sortWithinPartitions(*KEY)


def compared(features: DataFrame, settings: config.DelayModel, seed: int) -> DataFrame:
    """The features' keys and labels, with what each candidate predicts in a column of its own.

    Columns `tree_days_…` hold days from the due date, `tree_late_…` and `linear_…` probabilities of lateness.
    """
    from pyspark.ml.functions import vector_to_array

    train = features.where("split = 'train'")
    judged = features
    for column, estimator in _candidates(settings, seed):
        found = estimator.fit(train).transform(judged)
        # Days come in tens, see `with_features`.
        is_days = column.startswith("tree_days")
        value = F.col("prediction") * DAYS_SCALE if is_days else vector_to_array(F.col("probability"))[1]
        judged = found.withColumn(column, value).drop("prediction", "probability", "rawPrediction")
    return judged.drop("trees", "linear", "late", "tens_of_days")


def _candidates(settings: config.DelayModel, seed: int) -> Iterator[tuple[str, Estimator[Any]]]:
    from pyspark.ml.classification import GBTClassifier, LogisticRegression
    from pyspark.ml.regression import GBTRegressor

    grown: dict[str, Any] = {"featuresCol": "trees", "maxIter": settings.trees, "seed": seed}
    for depth in settings.tree_depths:
        for loss in ("absolute", "squared"):
            regressor = GBTRegressor(labelCol="tens_of_days", lossType=loss, maxDepth=depth, **grown)
            yield f"tree_days_{loss}_{depth}", regressor
        yield f"tree_late_{depth}", GBTClassifier(labelCol="late", maxDepth=depth, **grown)
    for number, strength in enumerate(_STRENGTHS):
        linear = LogisticRegression(featuresCol="linear", labelCol="late", regParam=strength)
        yield f"linear_{number}", linear


def chosen(rows: Mapping[str, NDArray[Any]]) -> dict[str, tuple[Floats | None, Floats]]:
    """Days late and probability by predictor; candidates are chosen by their rows of the validation split.

    Args:
        rows: columns of `compared`, `(R,)` each.
    """
    known, days_late = rows["split"] == "validation", rows["days_late"].astype(np.float64)
    is_late = days_late > 0

    def best(prefix: str, loss: Callable[[Floats], Floats]) -> Floats:
        columns = [np.asarray(rows[name], np.float64) for name in rows if name.startswith(prefix)]
        return min(columns, key=lambda column: float(loss(column)[known].mean()))

    def log_loss(probability: Floats) -> Floats:
        likelihood: Floats = np.where(is_late, probability, 1 - probability)
        losses: Floats = -np.log(np.maximum(likelihood, 1e-12))
        return losses

    days = best("tree_days_", lambda found: np.abs(np.maximum(found, 0) - days_late))
    learnt = rows["split"] == "train"
    size = np.ones(len(days_late))
    return {
        "constant": (size * np.median(days_late[learnt]), size * is_late[learnt].mean()),
        "trees": (np.maximum(days, 0), best("tree_late_", log_loss)),
        "logistic_regression": (None, best("linear_", log_loss)),
    }


def _indicators(tensors: Mapping[str, NDArray[Any]], encoding: DelayEncoding) -> Floats:
    """0 or 1 for each value of each bin, and for each known customer; `(R, values)`."""
    sizes: Sequence[int] = (*encoding.sizes, len(encoding.customers.values) + 1)
    numbers = np.concatenate([tensors["bins"].astype(int), tensors["customer"].astype(int)], axis=1)
    found = np.zeros((len(numbers), sum(sizes)))
    np.put_along_axis(found, numbers + np.cumsum([0, *sizes[:-1]]), 1.0, axis=1)
    return found

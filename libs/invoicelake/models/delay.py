"""The model of payment delay: linear over bins and pairs of bins, and layers over embeddings and numbers.

Shapes: `B` receivables, `N` numbers, `C` bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from invoicelake import config
from invoicelake.models.delay_encoding import BINS, DAYS_SCALE, LABELS, NUMBERS

_registered = keras.saving.register_keras_serializable(package="invoicelake")

OUTPUTS = LABELS.shape[0]
CROSSED = (
    ("customer_mean_days_to_settle", "terms_days"),
    ("customer_late_share", "customer_last_days_late"),
    ("customer_late_share", "customer_overdue"),
    ("customer_mean_days_late", "is_paperless"),
    ("customer_late_share", "amount_minor"),
    ("country", "customer_late_share"),
)
PAIRS = tuple((BINS.index(one), BINS.index(other)) for one, other in CROSSED)


def wide_and_deep(settings: config.DelayModel, sizes: Sequence[int], customers: int) -> keras.Model:
    """Build the model (Cheng and others, "Wide & Deep Learning for Recommender Systems", 2016).

    Args:
        settings: widths, depth, dropout and decay.
        sizes: values of each bin, `DelayEncoding.sizes`.
        customers: how many are known by name.

    Returns:
        A model from `numbers` float32 `(B, N)`, `bins` `(B, C)` and `customer` `(B, 1)` to float32 `(B, 2)`:
        days from due date to settlement, negative before it, and the logit of settling late.
    """
    numbers = keras.Input((len(NUMBERS),), dtype="float32", name="numbers")
    bins = keras.Input((len(BINS),), dtype="uint16", name="bins")
    customer = keras.Input((1,), dtype="int32", name="customer")
    wide = _summed(TableRows(sizes, PAIRS, name="wide_rows")(bins), rows_of(sizes, PAIRS), settings)
    embedded = layers.Embedding(rows_of(sizes), settings.embedding_width, name="bin_embedding")(
        TableRows(sizes, name="bin_rows")(bins)
    )
    known = layers.Embedding(1 + customers, settings.customer_width, name="customer_embedding")(customer)
    hidden = layers.Concatenate()([numbers, layers.Flatten()(embedded), layers.Flatten()(known)])
    for number in range(settings.depth):
        hidden = layers.Dropout(settings.dropout)(hidden)
        hidden = layers.Dense(
            settings.width, "relu", kernel_regularizer=keras.regularizers.L2(settings.decay),
            name=f"hidden_{number}",
        )(hidden)  # fmt: skip
    deep = layers.Dense(OUTPUTS, dtype="float32", name="deep")(hidden)
    # In float32 whatever the precision of the layers before: days are large numbers.
    scale = np.array([DAYS_SCALE, 1.0], np.float32).tolist()
    delay = layers.Rescaling(scale, dtype="float32", name="delay")
    inputs = {"numbers": numbers, "bins": bins, "customer": customer}
    return keras.Model(inputs, delay(layers.Add(dtype="float32")([wide, deep])), name="wide_and_deep")


def compile_delay(model: keras.Model, optimizer: Any, days_weight: float) -> keras.Model:
    """Set loss and metrics for targets float32 `(B, 2)`: days from due date, 1 if late; returns the model."""
    metrics = [DaysError(), LateAuc()]
    model.compile(optimizer=optimizer, loss=DelayLoss(days_weight), weighted_metrics=metrics)
    return model


def rows_of(sizes: Sequence[int], pairs: Sequence[tuple[int, int]] = ()) -> int:
    """Rows of the table that `TableRows` numbers."""
    return sum(sizes) + sum(sizes[one] * sizes[other] for one, other in pairs)


def _summed(rows: tf.Tensor, size: int, settings: config.DelayModel) -> tf.Tensor:
    """A linear model of what is there: `(B, 2)`."""
    table = layers.Embedding(
        size, OUTPUTS, embeddings_initializer="zeros", dtype="float32", name="wide",
        embeddings_regularizer=keras.regularizers.L2(settings.decay),
    )  # fmt: skip
    return tf.reduce_sum(table(rows), axis=1)


@_registered
class TableRows(layers.Layer):
    """Numbers the bins of all columns, and pairs of bins, so that one table has a row for each.

    Args:
        sizes: values of each column.
        pairs: places of columns that are crossed.
    """

    def __init__(self, sizes: Sequence[int], pairs: Sequence[tuple[int, int]] = (), **arguments: Any) -> None:
        super().__init__(**arguments)
        self.sizes, self.pairs = tuple(sizes), tuple((one, other) for one, other in pairs)

    def call(self, bins: tf.Tensor) -> tf.Tensor:
        """Take `(B, C)`; return int32 `(B, C + pairs)`."""
        numbers = tf.cast(bins, tf.int32)
        counts = list(self.sizes)
        if self.pairs:
            one, other = zip(*self.pairs, strict=True)
            seconds = [self.sizes[place] for place in other]
            crossed = tf.gather(numbers, one, axis=1) * seconds + tf.gather(numbers, other, axis=1)
            numbers = tf.concat([numbers, crossed], axis=1)
            counts += [self.sizes[a] * self.sizes[b] for a, b in self.pairs]
        return numbers + np.cumsum([0, *counts[:-1]]).astype(np.int32)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "sizes": self.sizes, "pairs": self.pairs}


@_registered
class DelayLoss(keras.losses.Loss):
    """Absolute error of the days, so that their median is learnt, and log loss of being late.

    Args:
        days_weight: of 10 days of error against the log loss.
    """

    def __init__(self, days_weight: float, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.days_weight = days_weight

    def call(self, targets: tf.Tensor, delays: tf.Tensor) -> tf.Tensor:
        """Take targets and delays `(B, 2)`; return `(B,)`."""
        days = tf.abs(targets[:, 0] - delays[:, 0]) / DAYS_SCALE
        late = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets[:, 1], logits=delays[:, 1])
        return self.days_weight * days + late

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "days_weight": self.days_weight}


@_registered
class DaysError(keras.metrics.Mean):
    """Mean absolute error of the days late, where early is 0."""

    def __init__(self, name: str = "days_error", **arguments: Any) -> None:
        super().__init__(name=name, **arguments)

    def update_state(self, targets: tf.Tensor, delays: tf.Tensor, sample_weight: Any = None) -> Any:
        """Take targets and delays `(B, 2)`."""
        late, expected = tf.nn.relu(delays[:, 0]), tf.nn.relu(targets[:, 0])
        return super().update_state(tf.abs(late - expected), sample_weight)


@_registered
class LateAuc(keras.metrics.AUC):
    """Area under the curve of telling late ones from others, by 200 thresholds."""

    def __init__(self, name: str = "late_auc", from_logits: bool = True, **arguments: Any) -> None:
        super().__init__(name=name, from_logits=from_logits, **arguments)

    def update_state(self, targets: tf.Tensor, delays: tf.Tensor, sample_weight: Any = None) -> Any:
        """Take targets and delays `(B, 2)`."""
        return super().update_state(targets[:, 1], delays[:, 1], sample_weight)

"""The extractor as a Keras model: built by name from settings, and compiled for training."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from invoicelake import config
from invoicelake.models.encoding import IGNORED
from invoicelake.models.items import ITEM_CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

_registered = keras.saving.register_keras_serializable(package="invoicelake")
_BUILDERS = {
    "field_tagger": "invoicelake.models.tagger",
    "character_bilstm": "invoicelake.models.character_bilstm",
}
VALIDATION_METRIC = "token_f1"
_CHOICE = config.Model().choice_weight


def build(
    settings: config.Model,
    encoding: config.Encoding,
    vocabulary_size: int,
    fields: Sequence[config.Field],
    reads_items: bool = False,
) -> keras.Model:
    """Build the model that `settings.name` names.

    Args:
        settings: shape of the network.
        encoding: shape of its inputs.
        vocabulary_size: number of words.
        fields: its first `1 + fields` logits are of them.
        reads_items: whether `ITEM_CLASSES` logits of line items follow.

    Raises:
        config.SettingsError: no model is called so.
    """
    if settings.name not in _BUILDERS:
        raise config.SettingsError(f"no model {settings.name!r}; known: {', '.join(sorted(_BUILDERS))}")
    make = getattr(importlib.import_module(_BUILDERS[settings.name]), settings.name)
    model: keras.Model = make(settings, encoding, vocabulary_size, len(fields) + _item_classes(reads_items))
    return model


def compile_extractor(
    model: keras.Model, optimizer: Any, reads_items: bool = False, choice_weight: float = _CHOICE
) -> keras.Model:
    """Set loss and metrics for targets uint8 `(B, T, 2)`; `IGNORED` ones do not count. Returns the model."""
    item_classes = _item_classes(reads_items)
    metric = TokenF1(item_classes, name=VALIDATION_METRIC)
    model.compile(optimizer=optimizer, loss=HeadsLoss(item_classes, choice_weight), metrics=[metric])
    return model


def _item_classes(reads_items: bool) -> int:
    return ITEM_CLASSES if reads_items else 0


@_registered
class HeadsLoss(keras.losses.Loss):
    """The loss of fields, and the cross-entropy of line items in the units of the first.

    Args:
        item_classes: how many of the logits, the last ones, are of line items.
        choice: as of `TokenLoss`.
    """

    def __init__(self, item_classes: int = 0, choice: float = _CHOICE, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.item_classes = item_classes
        self._of_fields = TokenLoss(choice)

    def call(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Take targets `(B, T, 2)` and logits `(B, T, classes)`; return `(B,)`."""
        fields, *items = _heads(targets, logits, self.item_classes)
        return self._of_fields.call(*fields) + sum(_by_token(*each) for each in items)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "item_classes": self.item_classes, "choice": self._of_fields.choice}


def _heads(targets: tf.Tensor, logits: tf.Tensor, item_classes: int) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Targets `(B, T)` and logits of the fields and, if there are any, of the items."""
    fields = logits.shape[-1] - item_classes
    heads = [(targets[..., 0], logits[..., :fields])]
    return [*heads, (targets[..., 1], logits[..., fields:])] if item_classes else heads


def _by_token(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Cross-entropy `(B,)` of the tokens that count, in units of 32 tokens."""
    targets = tf.cast(targets, tf.int32)
    counts = targets != IGNORED
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.where(counts, targets, 0), logits=logits
    )
    return tf.reduce_sum(losses * tf.cast(counts, logits.dtype), axis=-1) / 32


@_registered
class TokenLoss(keras.losses.Loss):
    """How wrong each token is, and how wrong the choice of each field's place among all tokens.

    The first is the cross-entropy of the tokens that count, in units of 32 tokens. The second asks that, of
    all tokens and the possibility that the field is absent, one that is labelled be chosen: an amount printed
    five times is right wherever it is read, but must win against every other amount.

    Args:
        choice: weight of the second.
    """

    def __init__(self, choice: float = _CHOICE, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.choice = choice

    def call(self, targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Take targets `(B, T)` and logits `(B, T, classes)`; return `(B,)`."""
        targets = tf.cast(targets, tf.int32)
        chosen = _choice_loss(targets, targets != IGNORED, logits)
        return _by_token(targets, logits) + self.choice * chosen

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the loss."""
        return {**super().get_config(), "choice": self.choice}


def _choice_loss(targets: tf.Tensor, counts: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Negative log-likelihood `(B,)` that each field is read from a labelled token, or not if none is."""
    never = tf.constant(-1e4, logits.dtype)
    margins = logits[..., 1:] - logits[..., :1]
    labelled = targets[..., None] == tf.range(1, tf.shape(logits)[-1])
    nowhere = tf.zeros_like(margins[:, :1])
    has_none = ~tf.reduce_any(labelled, axis=1, keepdims=True)
    right = tf.concat([tf.where(labelled, margins, never), tf.where(has_none, nowhere, never)], axis=1)
    every = tf.concat([tf.where(counts[..., None], margins, never), nowhere], axis=1)
    return tf.reduce_sum(tf.reduce_logsumexp(every, axis=1) - tf.reduce_logsumexp(right, axis=1), axis=-1)


@_registered
class TokenF1(keras.metrics.Metric):
    """F1 of tokens over all fields and parts of line items, from 0 to 1.

    Args:
        item_classes: how many of the logits, the last ones, are of line items.
    """

    def __init__(self, item_classes: int = 0, name: str = VALIDATION_METRIC, **arguments: Any) -> None:
        super().__init__(name=name, **arguments)
        self.item_classes = item_classes
        self.right = self.add_weight("right", initializer="zeros")
        self.predicted = self.add_weight("predicted", initializer="zeros")
        self.labelled = self.add_weight("labelled", initializer="zeros")

    def update_state(self, targets: tf.Tensor, logits: tf.Tensor, sample_weight: Any = None) -> None:
        """Count the tokens of a batch: targets `(B, T, 2)`, logits `(B, T, classes)`."""
        for wanted, scores in _heads(tf.cast(targets, tf.int32), logits, self.item_classes):
            counts = wanted != IGNORED
            chosen = tf.argmax(scores, axis=-1, output_type=tf.int32)
            self.right.assign_add(_count(counts & (chosen == wanted) & (wanted > 0)))
            self.predicted.assign_add(_count(counts & (chosen > 0)))
            self.labelled.assign_add(_count(counts & (wanted > 0)))

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the metric."""
        return {**super().get_config(), "item_classes": self.item_classes}

    def result(self) -> tf.Tensor:
        """Harmonic mean of precision and recall; 0 when there is nothing to find and nothing was found."""
        return tf.math.divide_no_nan(2 * self.right, self.predicted + self.labelled)


def _count(flags: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(flags, tf.float32))

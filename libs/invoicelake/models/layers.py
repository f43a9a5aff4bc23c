"""Layers of the tagger; `B` documents, `T` tokens, `H` heads, `D` units."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

_registered = keras.saving.register_keras_serializable(package="invoicelake")
_FAR = 1e6
_FOCUS = 6.0


@_registered
class CharacterNoise(keras.__internal__.layers.BaseRandomLayer):
    """In training, replaces some characters by others, as a poor scan does."""

    def __init__(self, share: float, codes: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.share, self.codes = share, codes

    def call(self, characters: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Take and return int32 `(B, T, C)`; 0 stays 0."""
        if not training:
            return characters
        shape = tf.shape(characters)
        draw = self._random_generator.random_uniform
        hit = (draw(shape) < self.share) & (characters > 0)
        return tf.where(hit, draw(shape, 1, self.codes, dtype=characters.dtype), characters)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "share": self.share, "codes": self.codes}


@_registered
class WordDropout(keras.__internal__.layers.BaseRandomLayer):
    """In training, makes some words unknown, so that the model reads their characters and place."""

    def __init__(self, share: float, unknown: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.share, self.unknown = share, unknown

    def call(self, words: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Take and return int32 `(B, T)`; 0 stays 0."""
        if not training:
            return words
        hit = (self._random_generator.random_uniform(tf.shape(words)) < self.share) & (words > 0)
        return tf.where(hit, tf.cast(self.unknown, words.dtype), words)

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "share": self.share, "unknown": self.unknown}


@_registered
class GroupWeights(keras.layers.Layer):
    """Turns group numbers `(B, T)` into float32 `(B, T, T)` that average over a token's group.

    Group 0 is padding.
    """

    def call(self, groups: tf.Tensor) -> tf.Tensor:
        """Give each row weights that sum to 1, or to 0 for padding."""
        same = (groups[:, :, None] == groups[:, None, :]) & (groups > 0)[:, :, None]
        weights = tf.cast(same, tf.float32)
        return weights / tf.maximum(tf.reduce_sum(weights, axis=-1, keepdims=True), 1.0)


@_registered
class ColumnWeights(keras.layers.Layer):
    """Finds what is printed right above and right below each token's line, wherever reading order puts it."""

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Take boxes `(B, T, 4)` in line heights and line numbers `(B, T)`, 0 for padding.

        Returns:
            Two float32 `(B, T, T)`, above and below, that average over those tokens of the nearest line that
            share a part of the width of the token's line; 0 where there is no such line.
        """
        boxes, lines = inputs
        is_real = lines > 0
        same = lines[:, :, None] == lines[:, None, :]
        left = tf.reduce_min(tf.where(same, boxes[:, None, :, 0], _FAR), axis=-1)
        right = tf.reduce_max(tf.where(same, boxes[:, None, :, 2], -_FAR), axis=-1)
        shares = (boxes[:, None, :, 0] < right[..., None]) & (boxes[:, None, :, 2] > left[..., None])
        shares &= ~same & is_real[:, None, :] & is_real[:, :, None]
        middle = (boxes[..., 1] + boxes[..., 3]) / 2
        down = middle[:, None, :] - middle[:, :, None]
        return _nearest(shares, -down), _nearest(shares, down)


def _nearest(candidates: tf.Tensor, distance: tf.Tensor) -> tf.Tensor:
    """Weights `(B, T, T)` of the candidates nearest in a direction, at a distance of half a line or more."""
    valid = candidates & (distance > 0.5)
    weights = tf.nn.softmax(tf.where(valid, -_FOCUS * distance, -_FAR))
    return weights * tf.cast(tf.reduce_any(valid, axis=-1, keepdims=True), weights.dtype)


@_registered
class PlaceBias(keras.layers.Layer):
    """Learns how much a token heeds another by where it lies relative to it: columns, rows and same line."""

    def __init__(self, heads: int, reach: int = 8, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.heads, self.reach = heads, reach

    def build(self, shapes: Any) -> None:
        """Make one weight for each head and each relative place."""
        side = 2 * self.reach + 1
        self.table = self.add_weight("table", (side * side, self.heads), initializer="zeros")
        super().build(shapes)

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Take boxes `(B, T, 4)` in line heights and rows `(B, T)`; return `(B, H, T, T)`.

        Towards padding, whose row is 0, the bias is -1e9.
        """
        boxes, rows = inputs
        middle = (boxes[..., 0] + boxes[..., 2]) / 2
        across = self._steps((middle[:, None, :] - middle[:, :, None]) / 2)
        down = self._steps(tf.cast(rows[:, None, :] - rows[:, :, None], tf.float32))
        bias = tf.gather(self.table, down * (2 * self.reach + 1) + across)
        padding = tf.cast(rows[:, None, None, :] == 0, tf.float32)
        return tf.transpose(bias, (0, 3, 1, 2)) - 1e9 * padding

    def _steps(self, distance: tf.Tensor) -> tf.Tensor:
        near = tf.clip_by_value(tf.round(distance), -self.reach, self.reach)
        return tf.cast(near, tf.int32) + self.reach

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "heads": self.heads, "reach": self.reach}


@_registered
class PlacedAttention(keras.layers.Layer):
    """Self-attention whose scores are shifted by a bias of place."""

    def __init__(self, heads: int, width: int, **arguments: Any) -> None:
        # In mixed precision the bias stays float32: -1e9, which shuts out padding, has no place in float16.
        super().__init__(**{"autocast": False} | arguments)
        self.heads, self.width = heads, width
        self.mixed = keras.layers.Dense(3 * width, use_bias=False, name="mixed")

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Take tokens `(B, T, D)` and bias `(B, H, T, T)`; return `(B, T, width)`."""
        tokens, bias = inputs
        size = tf.shape(tokens)
        parts = tf.reshape(self.mixed(tokens), (size[0], size[1], 3, self.heads, self.width // self.heads))
        query, key, value = tf.unstack(tf.transpose(parts, (2, 0, 3, 1, 4)))
        scores = tf.matmul(query, key, transpose_b=True) / (self.width // self.heads) ** 0.5
        weights = tf.nn.softmax(tf.cast(scores, bias.dtype) + bias)
        seen = tf.matmul(tf.cast(weights, value.dtype), value)
        return tf.reshape(tf.transpose(seen, (0, 2, 1, 3)), (size[0], size[1], self.width))

    def get_config(self) -> dict[str, Any]:
        """Arguments that rebuild the layer."""
        return {**super().get_config(), "heads": self.heads, "width": self.width}

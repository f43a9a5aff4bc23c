"""The network: tokens with their layout to a score for each field."""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

from invoicelake import config
from invoicelake.models.encoding import CHARACTER_CODES, tensor_specs
from invoicelake.models.layers import (
    CharacterNoise,
    ColumnWeights,
    GroupWeights,
    PlaceBias,
    PlacedAttention,
    WordDropout,
)
from invoicelake.models.vocabulary import UNKNOWN

_CHARACTER_WIDTH = 24
_HEADS = 4
_CHARACTER_NOISE = 0.02
_WORD_DROPOUT = 0.3
_FEATURE_NOISE = 0.02


def field_tagger(
    settings: config.Model, encoding: config.Encoding, vocabulary_size: int, fields: int
) -> keras.Model:
    """Build the tagger: characters, word and layout of each token, then blocks that mix tokens.

    A block shows a token those before and after it in reading order, the mean of its line, of its row and of
    the lines above and below it, and all tokens by where they lie relative to it.

    Args:
        settings: width, depth and dropout.
        encoding: sizes of the inputs.
        vocabulary_size: of `Vocabulary.size`.
        fields: how many fields there are.

    Returns:
        A model from the inputs of `tensor_specs`, for any number `T` of tokens, to logits float32
        `(B, T, 1 + fields)`; class 0 is none of the fields.
    """
    given = {
        spec.name: keras.Input((None, *spec.shape[1:]), dtype=_TENSOR_TYPES[spec.dtype], name=spec.name)
        for spec in tensor_specs(encoding)[:-1]
    }
    tokens = _embedded(given, settings, vocabulary_size)
    real = tf.cast(given["words"][..., None] > 0, tokens.dtype)
    # Places and logits are float32 in mixed precision, too: half precision has no room for them.
    same_line = GroupWeights(name="same_line", dtype="float32")(given["lines"])
    same_row = GroupWeights(name="same_row", dtype="float32")(given["rows"])
    boxes = tf.cast(given["boxes"], tf.float32)
    above, below = ColumnWeights(name="column", dtype="float32")((boxes, given["lines"]))
    bias = PlaceBias(_HEADS, name="place_bias", dtype="float32")((boxes, given["rows"]))
    neighbours = [same_line, same_row, tf.matmul(above, same_line), tf.matmul(below, same_line)]
    neighbours = [tf.cast(weights, tokens.dtype) for weights in neighbours]
    for number in range(settings.depth):
        tokens = _block(tokens, real, neighbours, bias, settings, f"block_{number}")
    tokens = layers.LayerNormalization(name="last_norm")(tokens)
    tokens = layers.Dropout(settings.dropout)(tokens)
    logits = layers.Dense(1 + fields, name="logits", dtype="float32")(tokens)
    return keras.Model(given, logits, name="field_tagger")


def _embedded(given: dict[str, tf.Tensor], settings: config.Model, vocabulary_size: int) -> tf.Tensor:
    """Join what is known of each token by itself: `(B, T, width)`."""
    codes = CharacterNoise(_CHARACTER_NOISE, CHARACTER_CODES)(tf.cast(given["characters"], tf.int32))
    drawn = layers.Embedding(CHARACTER_CODES, _CHARACTER_WIDTH, name="characters_embedding")(codes)
    strokes = layers.Conv1D(settings.width // 2, 3, padding="same", activation="relu", name="strokes")(drawn)
    spelling = tf.reduce_max(strokes, axis=2)
    numbers = WordDropout(_WORD_DROPOUT, UNKNOWN)(tf.cast(given["words"], tf.int32))
    word = layers.Embedding(vocabulary_size, settings.width // 2, name="words_embedding")(numbers)
    layout = layers.GaussianNoise(_FEATURE_NOISE)(tf.cast(given["features"], tf.float32))
    layout = layers.Dense(settings.width // 2, activation="relu", name="layout")(layout)
    joined = layers.Dropout(settings.dropout)(layers.Concatenate()([spelling, word, layout]))
    return layers.Dense(settings.width, name="joined")(joined)


def _block(
    tokens: tf.Tensor,
    real: tf.Tensor,
    neighbours: list[tf.Tensor],
    bias: tf.Tensor,
    settings: config.Model,
    name: str,
) -> tf.Tensor:
    width, dropout = settings.width, settings.dropout
    # Padding is blank to its neighbours, so that it does not matter how much of it there is.
    normal = layers.LayerNormalization(name=f"{name}_norm")(tokens) * real
    near = layers.Conv1D(width, 3, padding="same", name=f"{name}_near")(normal)
    pooled = layers.Dense(width // 2, name=f"{name}_pooled")(normal)
    around = [tf.matmul(weights, pooled) for weights in neighbours]
    seen = PlacedAttention(_HEADS, width, name=f"{name}_attention")((normal, bias))
    joined = layers.Concatenate(name=f"{name}_joined")([near, *around, seen])
    mixed = layers.Dense(width, name=f"{name}_mixed")(tf.nn.gelu(layers.Dropout(dropout)(joined)))
    return tokens + layers.Dropout(dropout)(mixed)


# As they are stored; the model casts them, since TensorFlow computes little with such types.
_TENSOR_TYPES = {"|u1": "uint8", "<u2": "uint16", "<i2": "int16", "<f2": "float16"}

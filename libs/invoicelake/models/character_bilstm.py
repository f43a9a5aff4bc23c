"""A tagger that sees letters alone: what the one with layout is measured against.

Lample et al., Neural Architectures for Named Entity Recognition, NAACL 2016, section 4.1, without embeddings
of words and without the random field.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

from invoicelake import config
from invoicelake.models.encoding import CHARACTER_CODES, tensor_specs
from invoicelake.models.layers import CharacterNoise

_CHARACTER_WIDTH = 24
_CHARACTER_NOISE = 0.02


def character_bilstm(
    settings: config.Model, encoding: config.Encoding, vocabulary_size: int, fields: int
) -> keras.Model:
    """Build the tagger: an LSTM both ways over the characters of each token, then one over the tokens.

    Args:
        settings: width and dropout.
        encoding: sizes of the inputs.
        vocabulary_size: not used.
        fields: how many fields there are.

    Returns:
        A model from the inputs of `tensor_specs`, for any number `T` of tokens in reading order, to logits
        float32 `(B, T, 1 + fields)`; class 0 is none of the fields.
    """
    given = {
        spec.name: keras.Input((None, *spec.shape[1:]), dtype=_TENSOR_TYPES[spec.dtype], name=spec.name)
        for spec in tensor_specs(encoding)[:-1]
    }
    codes = CharacterNoise(_CHARACTER_NOISE, CHARACTER_CODES)(tf.cast(given["characters"], tf.int32))
    drawn = layers.Embedding(CHARACTER_CODES, _CHARACTER_WIDTH, name="characters_embedding")(codes)
    shape = tf.shape(drawn)
    words = tf.reshape(drawn, (-1, encoding.max_characters, _CHARACTER_WIDTH))
    spelt = layers.Bidirectional(layers.LSTM(settings.width // 2), name="spelling")(words)
    tokens = tf.reshape(spelt, (shape[0], shape[1], settings.width))
    tokens = layers.Dropout(settings.dropout)(tokens)
    reading = layers.LSTM(settings.width, return_sequences=True)
    read = layers.Bidirectional(reading, name="reading")(tokens, mask=given["words"] > 0)
    # Without its mask, which Keras would apply to the loss; padding does not count there already.
    tokens = tf.identity(read)
    tokens = layers.Dropout(settings.dropout)(tokens)
    logits = layers.Dense(1 + fields, name="logits", dtype="float32")(tokens)
    return keras.Model(given, logits, name="character_bilstm")


# As they are stored.
_TENSOR_TYPES = {"|u1": "uint8", "<u2": "uint16", "<i2": "int16", "<f2": "float16"}

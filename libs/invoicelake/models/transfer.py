"""Weights of one extractor as the beginning of another, which may know other words and fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from invoicelake.models.bundle import Extractor

Array = NDArray[Any]
_WORDS, _LOGITS = "words_embedding", "logits"


def initial_weights(
    source: Extractor, suite: config.Suite, vocabulary: Vocabulary, seed: int
) -> tuple[Array, ...]:
    """Weights of a new extractor, in Keras' order, as far as they can be those of `source`.

    Words and fields that both know keep theirs; other ones begin as without a source.

    Args:
        source: a trained extractor.
        suite: with model, encoding, fields and line items of the new one.
        vocabulary: of the new one.
        seed: of what begins anew.

    Raises:
        JobError: the two have another shape.
    """
    import keras

    from invoicelake.models.extractor import build

    keras.utils.set_random_seed(seed)
    old = build(source.model, source.encoding, source.vocabulary.size, source.fields, source.reads_items)
    old.set_weights(source.weights)
    new = build(suite.model, suite.encoding, vocabulary.size, suite.fields, suite.line_items.read)
    known = {layer.name: layer.get_weights() for layer in old.layers if layer.weights}
    for layer in new.layers:
        if layer.weights:
            begun = layer.get_weights()
            layer.set_weights(
                _taken_over(layer.name, known.get(layer.name), begun, source, vocabulary, suite.field_names)
            )
    return tuple(new.get_weights())


def _taken_over(
    name: str,
    old: list[Array] | None,
    new: list[Array],
    source: Extractor,
    vocabulary: Vocabulary,
    fields: Sequence[str],
) -> list[Array]:
    """A layer's weights, the old ones where there are some."""
    if name == _WORDS and old:
        return [_rows(old[0], new[0], source.vocabulary, vocabulary)]
    if name == _LOGITS and old:
        return _columns(old, new, [field.name for field in source.fields], fields)
    if old is None or [each.shape for each in old] != [each.shape for each in new]:
        raise JobError(
            f"training cannot begin from the weights of another shape: {name} differs; "
            "set model and encoding as they were there"
        )
    return old


def _rows(old: Array, new: Array, known: Vocabulary, vocabulary: Vocabulary) -> Array:
    """Embeddings `(words, width)`; the old ones of padding, of unknown words and of words that both know."""
    taken = new.copy()
    words = set(known.words)
    common = [word for word in vocabulary.words if word in words]
    own, theirs = vocabulary.numbers(common), known.numbers(common)
    first = vocabulary.size - len(vocabulary.words)
    taken[:first] = old[:first]
    taken[own] = old[theirs]
    return taken


def _columns(old: list[Array], new: list[Array], known: Sequence[str], fields: Sequence[str]) -> list[Array]:
    """Kernel `(width, classes)` and bias `(classes,)` of the logits; class 0 is none of the fields."""
    taken = [each.copy() for each in new]
    pairs = [(0, 0), *((fields.index(name) + 1, known.index(name) + 1) for name in fields if name in known)]
    # Behind those of the fields stand those of line items, if both have them.
    own, theirs = len(fields) + 1, len(known) + 1
    of_items = range(min(new[0].shape[1] - own, old[0].shape[1] - theirs))
    pairs += [(own + number, theirs + number) for number in of_items]
    for number, other in pairs:
        for target, source in zip(taken, old, strict=True):
            target[..., number] = source[..., other]
    return taken

"""A trained extractor as files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.decoding import Prediction, decode
from invoicelake.models.described_files import (
    BundleError,
    expect,
    read_described,
    telling_unreadable,
    use_one_thread,
    write_described,
)
from invoicelake.models.encoding import Vocabulary, Window, encode
from invoicelake.models.item_decoding import ReadItem, read_items
from invoicelake.models.known_values import NOTHING_KNOWN, KnownValues
from invoicelake.models.read_tokens import laid_over
from invoicelake.text.document import Line

_FORM = 1
# More at once spill out of the processor's caches.
_BATCH_TOKENS = 2048
_LENGTH_STEP = 32

__all__ = ["BundleError", "Extractor", "Reading", "load_bundle", "save_bundle", "save_extractor"]


@dataclass(frozen=True)
class Reading:
    """What was read of a document; a field that is not there is absent."""

    fields: list[Prediction]
    items: list[ReadItem] = field(default_factory=list)


@dataclass(frozen=True)
class Extractor:
    """A trained model with all that it takes to read a document.

    Attributes:
        model: shape of the network.
        encoding: how documents become tensors.
        fields: in the order of the classes.
        vocabulary: of the training documents.
        weights: of the network, in Keras' order.
        known: what the training documents taught of values.
        reads_items: whether it reads line items, too.
    """

    model: config.Model
    encoding: config.Encoding
    fields: tuple[config.Field, ...]
    vocabulary: Vocabulary
    weights: tuple[NDArray[np.float32], ...]
    known: KnownValues = NOTHING_KNOWN
    reads_items: bool = False

    def predict(self, documents: Sequence[Sequence[Line]]) -> list[list[Prediction]]:
        """Read the fields of each document from its lines; TensorFlow is loaded at the first call."""
        return [reading.fields for reading in self.read(documents)]

    def read(self, documents: Sequence[Sequence[Line]]) -> list[Reading]:
        """Read the fields and line items of each document from its lines; as of `predict`."""
        windows = [encode(lines, self.vocabulary, self.encoding) for lines in documents]
        owners = [
            (document, number) for document, parts in enumerate(windows) for number in range(len(parts))
        ]
        chances: dict[tuple[int, int], NDArray[np.float32]] = {}
        for batch in self._batches(windows, owners):
            found = self._chances([windows[document][number] for document, number in batch])
            chances.update(zip(batch, found, strict=True))
        return [
            self._reading(lines, parts, [chances[document, number] for number in range(len(parts))])
            for document, (lines, parts) in enumerate(zip(documents, windows, strict=True))
        ]

    def _reading(
        self, lines: Sequence[Line], windows: Sequence[Window], chances: Sequence[NDArray[np.float32]]
    ) -> Reading:
        of_fields = 1 + len(self.fields)
        fields = self._fields(lines, windows, [each[:, :of_fields] for each in chances])
        if not windows or not self.reads_items:
            return Reading(fields)
        of_items = laid_over(lines, windows, [each[:, of_fields:] for each in chances])
        return Reading(fields, read_items(of_items))

    def _fields(
        self, lines: Sequence[Line], windows: Sequence[Window], chances: Sequence[NDArray[np.float32]]
    ) -> list[Prediction]:
        expected = self.known.expected_fields if self.model.best_guess else frozenset()
        found = decode(lines, windows, chances, self.fields, expected=expected)
        if not self.model.known_values:
            return found
        return [replace(each, value=self.known.corrected(each.field, each.value)) for each in found]

    @staticmethod
    def _batches(
        windows: Sequence[Sequence[Window]], owners: Sequence[tuple[int, int]]
    ) -> Iterator[list[tuple[int, int]]]:
        """Windows of like length together, so that little is computed for padding."""
        batch: list[tuple[int, int]] = []
        for owner in sorted(owners, key=lambda pair: len(windows[pair[0]][pair[1]].lines)):
            length = len(windows[owner[0]][owner[1]].lines)
            if batch and (len(batch) + 1) * length > _BATCH_TOKENS:
                yield batch
                batch = []
            batch.append(owner)
        if batch:
            yield batch

    def _chances(self, windows: Sequence[Window]) -> NDArray[np.float32]:
        """Probabilities `(B, T, classes)` for windows trimmed to the longest of them; each head sums to 1."""
        longest = max(len(window.lines) for window in windows)
        # Few different lengths, since TensorFlow plans its memory anew for each.
        length = min(-(-longest // _LENGTH_STEP) * _LENGTH_STEP, self.encoding.max_tokens)
        inputs = {name: np.stack([w.inputs[name][:length] for w in windows]) for name in windows[0].inputs}
        logits: NDArray[np.float32] = np.asarray(self._network(inputs))
        heads = np.split(logits, [1 + len(self.fields)], axis=-1) if self.reads_items else [logits]
        return np.concatenate([_softmax(head) for head in heads], axis=-1)

    @cached_property
    def _network(self) -> Any:
        """The Keras model as a compiled function; one thread, for there is one worker a core."""
        import tensorflow as tf

        from invoicelake.models.extractor import build

        use_one_thread(tf)
        network = build(self.model, self.encoding, self.vocabulary.size, self.fields, self.reads_items)
        try:
            network.set_weights(self.weights)
        except ValueError as error:
            raise BundleError(
                "the extractor was trained by another version of this code; train it again"
            ) from error
        return tf.function(lambda inputs: network(inputs, training=False), reduce_retracing=True)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    chances: NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return chances


def save_bundle(
    folder: str | Path,
    model: config.Model,
    encoding: config.Encoding,
    fields: Sequence[config.Field],
    vocabulary: Vocabulary,
    weights: Sequence[NDArray[np.float32]],
    known: KnownValues = NOTHING_KNOWN,
    reads_items: bool = False,
) -> None:
    """Write a trained extractor into a folder, over one that is there.

    Args:
        folder: made if need be.
        model: shape of the network.
        encoding: how documents become tensors.
        fields: in the order of the classes.
        vocabulary: of the training documents.
        weights: from `keras.Model.get_weights`.
        known: what the training documents taught of values.
        reads_items: whether the network reads line items, too.
    """
    description = {
        "form": _FORM,
        "model": model.model_dump(),
        "encoding": encoding.model_dump(),
        "fields": [field.model_dump() for field in fields],
        "reads_items": reads_items,
        "vocabulary": json.loads(vocabulary.to_json()),
        "vocabulary_sha256": vocabulary.identifier,
        "known_values": json.loads(known.to_json()),
        "known_values_sha256": known.identifier,
    }
    write_described(folder, description, weights)


def save_extractor(folder: str | Path, extractor: Extractor) -> None:
    """Write an extractor into a folder, over one that is there."""
    given = (extractor.model, extractor.encoding, extractor.fields, extractor.vocabulary, extractor.weights)
    save_bundle(folder, *given, extractor.known, extractor.reads_items)


def load_bundle(folder: str | Path) -> Extractor:
    """Read an extractor that `save_bundle` wrote; nothing in it is executed or unpickled.

    Raises:
        BundleError: a file is missing, or is not what the description says.
    """
    source = Path(folder)
    with telling_unreadable("extractor", source):
        description, weights = read_described(source, _FORM)
        vocabulary = Vocabulary.from_json(json.dumps(description["vocabulary"]))
        expect("SHA-256 of the vocabulary", vocabulary.identifier, description["vocabulary_sha256"])
        known = NOTHING_KNOWN
        # Models of earlier versions have none.
        if "known_values" in description:
            known = KnownValues.from_json(json.dumps(description["known_values"]))
            expect("SHA-256 of the known values", known.identifier, description["known_values_sha256"])
        return Extractor(
            config.Model(**description["model"]),
            config.Encoding(**description["encoding"]),
            tuple(config.Field(**field) for field in description["fields"]),
            vocabulary,
            weights,
            known,
            bool(description.get("reads_items", False)),
        )

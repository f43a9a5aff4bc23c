"""A trained extractor as files: `model.json` says what it is, `weights.npz` holds only numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.decoding import Prediction, decode
from invoicelake.models.encoding import Vocabulary, Window, encode
from invoicelake.text.document import Line

_DESCRIPTION = "model.json"
_WEIGHTS = "weights.npz"
_FORM = 1
_BATCH_TOKENS = 8192
_LENGTH_STEP = 32


class BundleError(ValueError):
    """A saved extractor that cannot be used: what was found and what was expected."""


@dataclass(frozen=True)
class Extractor:
    """A trained model with all that it takes to read a document.

    Attributes:
        model: shape of the network.
        encoding: how documents become tensors.
        fields: in the order of the classes.
        vocabulary: of the training documents.
        weights: of the network, in Keras' order.
    """

    model: config.Model
    encoding: config.Encoding
    fields: tuple[config.Field, ...]
    vocabulary: Vocabulary
    weights: tuple[NDArray[np.float32], ...]

    def predict(self, documents: Sequence[Sequence[Line]]) -> list[list[Prediction]]:
        """Read the fields of each document from its lines; TensorFlow is loaded at the first call."""
        windows = [encode(lines, self.vocabulary, self.encoding) for lines in documents]
        owners = [
            (document, number) for document, parts in enumerate(windows) for number in range(len(parts))
        ]
        chances: dict[tuple[int, int], NDArray[np.float32]] = {}
        for batch in self._batches(windows, owners):
            found = self._chances([windows[document][number] for document, number in batch])
            chances.update(zip(batch, found, strict=True))
        return [
            decode(lines, parts, [chances[document, number] for number in range(len(parts))], self.fields)
            for document, (lines, parts) in enumerate(zip(documents, windows, strict=True))
        ]

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
        """Probabilities `(B, T, 1 + fields)` for windows trimmed to the longest of them."""
        longest = max(len(window.lines) for window in windows)
        # Few different lengths, since TensorFlow plans its memory anew for each.
        length = min(-(-longest // _LENGTH_STEP) * _LENGTH_STEP, self.encoding.max_tokens)
        inputs = {name: np.stack([w.inputs[name][:length] for w in windows]) for name in windows[0].inputs}
        logits: NDArray[np.float32] = np.asarray(self._network(inputs))
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        chances: NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
        return chances

    @cached_property
    def _network(self) -> Any:
        """The Keras model as a compiled function; one thread, for there is one worker a core."""
        import tensorflow as tf

        from invoicelake.models.extractor import build

        _use_one_thread(tf)
        network = build(self.model, self.encoding, self.vocabulary.size, self.fields)
        try:
            network.set_weights(self.weights)
        except ValueError as error:
            raise BundleError(
                "the extractor was trained by another version of this code; train it again"
            ) from error
        return tf.function(lambda inputs: network(inputs, training=False), reduce_retracing=True)


def save_bundle(
    folder: str | Path,
    model: config.Model,
    encoding: config.Encoding,
    fields: Sequence[config.Field],
    vocabulary: Vocabulary,
    weights: Sequence[NDArray[np.float32]],
) -> None:
    """Write a trained extractor into a folder, over one that is there.

    Args:
        folder: made if need be.
        model: shape of the network.
        encoding: how documents become tensors.
        fields: in the order of the classes.
        vocabulary: of the training documents.
        weights: from `keras.Model.get_weights`.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    numbered = {f"{number:03d}": np.asarray(value) for number, value in enumerate(weights)}
    np.savez_compressed(target / _WEIGHTS, **numbered)
    description = {
        "form": _FORM,
        "model": model.model_dump(),
        "encoding": encoding.model_dump(),
        "fields": [field.model_dump() for field in fields],
        "vocabulary": json.loads(vocabulary.to_json()),
        "vocabulary_sha256": vocabulary.identifier,
        "weights_sha256": _sha256(target / _WEIGHTS),
    }
    (target / _DESCRIPTION).write_text(json.dumps(description, indent=1), encoding="utf-8")


def load_bundle(folder: str | Path) -> Extractor:
    """Read an extractor that `save_bundle` wrote; nothing in it is executed or unpickled.

    Raises:
        BundleError: a file is missing, or is not what the description says.
    """
    source = Path(folder)
    try:
        description = json.loads((source / _DESCRIPTION).read_text(encoding="utf-8"))
        _expect("form", description.get("form"), _FORM)
        _expect(f"SHA-256 of {_WEIGHTS}", _sha256(source / _WEIGHTS), description["weights_sha256"])
        vocabulary = Vocabulary.from_json(json.dumps(description["vocabulary"]))
        _expect("SHA-256 of the vocabulary", vocabulary.identifier, description["vocabulary_sha256"])
        return Extractor(
            config.Model(**description["model"]),
            config.Encoding(**description["encoding"]),
            tuple(config.Field(**field) for field in description["fields"]),
            vocabulary,
            _stored_weights(source / _WEIGHTS),
        )
    except BundleError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise BundleError(f"no readable extractor in {source}: {type(error).__name__}: {error}") from error


def _stored_weights(file: Path) -> tuple[NDArray[np.float32], ...]:
    with np.load(file, allow_pickle=False) as stored:
        return tuple(stored[name] for name in sorted(stored.files))


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise BundleError(
            f"{what} is {found}, expected {expected}: the extractor is damaged or of another version"
        )


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _use_one_thread(tf: Any) -> None:
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow is in use already, as in training; then its threads stay as they are.
        return

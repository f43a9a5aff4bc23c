"""A trained model of payment delay as files, with all that it takes to judge a receivable."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.delay_encoding import DelayEncoding
from invoicelake.models.described_files import (
    BundleError,
    expect,
    read_described,
    telling_unreadable,
    use_one_thread,
    write_described,
)

_FORM = "payment delay 1"
_BATCH = 4096
Floats = NDArray[np.float64]


class Delays(NamedTuple):
    """What is expected of some receivables.

    Attributes:
        days_late: float64 `(R,)`, median of the days from due date to settlement, 0 if in time.
        late_probability: float64 `(R,)`.
    """

    days_late: Floats
    late_probability: Floats


@dataclass(frozen=True)
class DelayPredictor:
    """A trained model with all that it takes to judge a receivable.

    Attributes:
        settings: shape of the network.
        encoding: fitted to the receivables that it was trained on.
        unseen_from: the first invoice day of which neither training nor the choice of weights knew anything.
        weights: of the network, in Keras' order.
    """

    settings: config.DelayModel
    encoding: DelayEncoding
    unseen_from: datetime.date
    weights: tuple[NDArray[np.float32], ...]

    def predict(self, columns: Mapping[str, Sequence[Any]]) -> Delays:
        """Judge receivables; TensorFlow is loaded at the first call.

        Args:
            columns: values of each of `delay_encoding.INPUTS`, as in gold.payment_delay_example.
        """
        tensors = self.encoding.encode(columns)
        rows = len(tensors["customer"])
        parts = [
            np.asarray(
                self._network({name: values[first : first + _BATCH] for name, values in tensors.items()})
            )
            for first in range(0, rows, _BATCH)
        ]
        found = np.concatenate([np.zeros((0, 2)), *parts]).astype(np.float64)
        return Delays(np.maximum(found[:, 0], 0.0), 1 / (1 + np.exp(-found[:, 1])))

    @cached_property
    def _network(self) -> Any:
        import tensorflow as tf

        from invoicelake.models.delay import wide_and_deep

        use_one_thread(tf)
        network = wide_and_deep(self.settings, self.encoding.sizes, len(self.encoding.customers.values))
        try:
            network.set_weights(self.weights)
        except ValueError as error:
            raise BundleError(
                "the model of payment delay was trained by another version of this code; train it again"
            ) from error
        return tf.function(lambda inputs: network(inputs, training=False), reduce_retracing=True)


def save_delay_bundle(
    folder: str | Path,
    settings: config.DelayModel,
    encoding: DelayEncoding,
    unseen_from: datetime.date,
    weights: Sequence[NDArray[np.float32]],
) -> None:
    """Write a trained model into a folder, made if need be; the arguments are those of `DelayPredictor`."""
    description = {
        "form": _FORM,
        "settings": settings.model_dump(mode="json"),
        "encoding": json.loads(encoding.to_json()),
        "encoding_sha256": encoding.identifier,
        "unseen_from": unseen_from.isoformat(),
    }
    write_described(folder, description, weights)


def load_delay_bundle(folder: str | Path) -> DelayPredictor:
    """Read a model that `save_delay_bundle` wrote.

    Raises:
        BundleError: a file is missing, or is not what the description says.
    """
    source = Path(folder)
    with telling_unreadable("model of payment delay", source):
        description, weights = read_described(source, _FORM)
        encoding = DelayEncoding.from_json(json.dumps(description["encoding"]))
        expect("SHA-256 of the encoding", encoding.identifier, description["encoding_sha256"])
        return DelayPredictor(
            config.DelayModel(**description["settings"]),
            encoding,
            datetime.date.fromisoformat(description["unseen_from"]),
            weights,
        )

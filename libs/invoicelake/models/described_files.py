"""A trained model as files: `model.json` says what it is, `weights.npz` holds only numbers.

Nothing in them is executed or unpickled when they are read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DESCRIPTION = "model.json"
_WEIGHTS = "weights.npz"


class BundleError(ValueError):
    """A saved model that cannot be used: what was found and what was expected."""


def write_described(
    folder: str | Path, description: Mapping[str, Any], weights: Sequence[NDArray[np.float32]]
) -> None:
    """Write a model into a folder, over one that is there.

    Args:
        folder: made if need be.
        description: of the model, JSON; the hash of the weights is added.
        weights: from `keras.Model.get_weights`.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    numbered = {f"{number:03d}": np.asarray(value) for number, value in enumerate(weights)}
    np.savez_compressed(target / _WEIGHTS, **numbered)
    described = {**description, "weights_sha256": _sha256(target / _WEIGHTS)}
    (target / _DESCRIPTION).write_text(json.dumps(described, indent=1), encoding="utf-8")


def read_described(folder: Path, form: object) -> tuple[dict[str, Any], tuple[NDArray[np.float32], ...]]:
    """What `write_described` wrote.

    Args:
        folder: of the model.
        form: that the description must name as its own.

    Raises:
        BundleError: the weights are not those of the description, or it is of another form.
        OSError, ValueError, KeyError: a file is missing or cannot be read.
    """
    description: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    expect("form", description.get("form"), form)
    expect(f"SHA-256 of {_WEIGHTS}", _sha256(folder / _WEIGHTS), description["weights_sha256"])
    with np.load(folder / _WEIGHTS, allow_pickle=False) as stored:
        return description, tuple(stored[name] for name in sorted(stored.files))


@contextmanager
def telling_unreadable(what: str, folder: Path) -> Iterator[None]:
    """Have whatever a damaged file of a model brings up told as one kind of error.

    Args:
        what: the model is, for the message.
        folder: of the model.

    Raises:
        BundleError: what was raised within, in its words.
    """
    try:
        yield
    except BundleError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise BundleError(f"no readable {what} in {folder}: {type(error).__name__}: {error}") from error


def expect(what: str, found: object, expected: object) -> None:
    """See that something is as it was written.

    Raises:
        BundleError: it is not.
    """
    if found != expected:
        raise BundleError(
            f"{what} is {found}, expected {expected}: the model is damaged or of another version"
        )


def use_one_thread(tf: Any) -> None:
    """Have TensorFlow use one thread, for there is one worker a core."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # TensorFlow is in use already, as in training; then its threads stay as they are.
        return


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

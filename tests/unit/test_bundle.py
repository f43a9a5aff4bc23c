from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from invoicelake import config
from invoicelake.models.bundle import BundleError, load_bundle, save_bundle
from invoicelake.models.encoding import Vocabulary
from invoicelake.models.known_values import KnownValue, KnownValues

FIELDS = (config.Field(name="total", kind="amount"),)
KNOWN = KnownValues((KnownValue("company", "ACME", "Acmé", 2),), 3)
WEIGHTS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(4, dtype=np.float32)]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_bundle(
        tmp_path / "model",
        config.Model(width=16),
        config.Encoding(),
        FIELDS,
        Vocabulary(("A", "Ü")),
        WEIGHTS,
        KNOWN,
    )
    return tmp_path / "model"


def test_what_is_read_is_what_was_written(saved: Path) -> None:
    extractor = load_bundle(saved)
    assert (extractor.model.width, extractor.fields, extractor.vocabulary.words) == (16, FIELDS, ("A", "Ü"))
    assert extractor.known == KNOWN
    for found, expected in zip(extractor.weights, WEIGHTS, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_other_weights_are_refused(saved: Path) -> None:
    file = saved / "weights.npz"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match=r"SHA-256 of weights\.npz"):
        load_bundle(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": ["A"]}, "SHA-256 of the vocabulary"),
        ({"known_values": {"documents": 4, "values": []}}, "SHA-256 of the known values"),
        ({"form": 0}, "form is 0, expected 1"),
    ],
)
def test_other_description_is_refused(saved: Path, change: dict[str, object], message: str) -> None:
    file = saved / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(BundleError, match=message):
        load_bundle(saved)


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff", b"[]", b"{}"])
def test_broken_description_is_refused(saved: Path, content: bytes | None) -> None:
    file = saved / "model.json"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BundleError, match=r"no readable extractor|form is None, expected 1"):
        load_bundle(saved)


def test_pickled_weights_are_refused(saved: Path) -> None:
    np.savez(saved / "weights.npz", a=np.array([{"never": "unpickled"}], dtype=object))
    description = json.loads((saved / "model.json").read_text())
    import hashlib

    description["weights_sha256"] = hashlib.sha256((saved / "weights.npz").read_bytes()).hexdigest()
    (saved / "model.json").write_text(json.dumps(description))
    with pytest.raises(BundleError, match="allow_pickle"):
        load_bundle(saved)

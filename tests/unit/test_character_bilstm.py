from __future__ import annotations

import keras
import numpy as np
import pytest

from invoicelake import config
from invoicelake.models.encoding import IGNORED, Vocabulary, encode
from invoicelake.models.extractor import build, compile_extractor
from invoicelake.text.document import Line

ENCODING = config.Encoding(max_tokens=8, max_characters=4)
SHAPE = config.Model(name="character_bilstm", width=16)
FIELDS = (config.Field(name="total", kind="amount"),)
RECEIPT = [Line("TOTAL 9.00", 0, 10, 20, 90, 30), Line("CASH", 0, 10, 40, 90, 50)]


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return compile_extractor(build(SHAPE, ENCODING, 2, FIELDS), keras.optimizers.Adam())


def inputs(length: int) -> dict[str, np.ndarray]:
    (window,) = encode(RECEIPT, Vocabulary(()), ENCODING)
    return {name: values[None, :length] for name, values in window.inputs.items()}


def test_padding_changes_nothing(model):
    short, long = (model(inputs(length), training=False) for length in (3, 8))
    assert short.shape == (1, 3, 2)
    np.testing.assert_allclose(short, long[:, :3], atol=1e-5)


def test_a_step_of_training_has_a_finite_loss(model):
    given = {name: np.repeat(values, 2, axis=0) for name, values in inputs(8).items()}
    labels = np.array([[0, 1, 0, 255, 255, 255, 255, 255]] * 2, dtype=np.uint8)
    both = np.stack([labels, np.full_like(labels, IGNORED)], axis=-1)
    assert np.isfinite(model.train_on_batch(given, both)).all()

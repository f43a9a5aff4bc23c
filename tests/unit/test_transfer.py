from __future__ import annotations

import numpy as np
import pytest

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.bundle import Extractor
from invoicelake.models.encoding import Vocabulary
from invoicelake.models.extractor import build
from invoicelake.models.items import ITEM_CLASSES
from invoicelake.models.transfer import initial_weights

ENCODING = config.Encoding(max_tokens=16, max_characters=4)
SHAPE = config.Model(width=16, depth=1)
TOTAL, DATE, NET = (
    config.Field(name=name, kind=kind)
    for name, kind in (("total", "amount"), ("date", "date"), ("net", "amount"))
)
OLD = Vocabulary(("TOTAL", "CASH"))
NEW = Vocabulary(("JUMLAH", "CASH"))


def suite_of(model: config.Model, *fields: config.Field) -> config.Suite:
    return config.Suite(
        fields=fields,
        model=model,
        encoding=ENCODING,
        line_items=config.LineItems(read=True),
        tracking=config.Tracking(model_name="begun"),
    )


@pytest.fixture(scope="module")
def source() -> Extractor:
    weights = build(SHAPE, ENCODING, OLD.size, (TOTAL, DATE), reads_items=True).get_weights()
    drawn = [np.random.default_rng(0).normal(size=each.shape).astype(np.float32) for each in weights]
    return Extractor(SHAPE, ENCODING, (TOTAL, DATE), OLD, tuple(drawn), reads_items=True)


@pytest.fixture(scope="module")
def begun(source: Extractor) -> dict[str, list[np.ndarray]]:
    """Weights by layer of an extractor with another word, another field, and the fields in another order."""
    model = build(SHAPE, ENCODING, NEW.size, (NET, DATE, TOTAL), reads_items=True)
    model.set_weights(initial_weights(source, suite_of(SHAPE, NET, DATE, TOTAL), NEW, seed=0))
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


@pytest.fixture(scope="module")
def known(source: Extractor) -> dict[str, list[np.ndarray]]:
    model = build(SHAPE, ENCODING, OLD.size, (TOTAL, DATE), reads_items=True)
    model.set_weights(source.weights)
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def test_layers_of_one_shape_are_taken_over(begun, known):
    same = set(begun) - {"words_embedding", "logits"}
    assert len(same) > 8
    for name in same:
        for found, expected in zip(begun[name], known[name], strict=True):
            np.testing.assert_array_equal(found, expected)


def test_words_are_matched_by_name(begun, known):
    (found,), (expected,) = begun["words_embedding"], known["words_embedding"]
    np.testing.assert_array_equal(found[:2], expected[:2])
    np.testing.assert_array_equal(found[NEW.numbers(["CASH"])], expected[OLD.numbers(["CASH"])])
    assert not np.isin(found[NEW.numbers(["JUMLAH"])], expected).any()


def test_fields_are_matched_by_name(begun, known):
    for found, expected in zip(begun["logits"], known["logits"], strict=True):
        np.testing.assert_array_equal(found[..., [0, 3, 2]], expected[..., [0, 1, 2]])
    assert not np.isin(begun["logits"][0][:, 1], known["logits"][0]).any()


def test_line_items_are_taken_over_behind_the_fields(begun, known):
    for found, expected in zip(begun["logits"], known["logits"], strict=True):
        assert expected[..., 3:].shape[-1] == ITEM_CLASSES
        np.testing.assert_array_equal(found[..., 4:], expected[..., 3:])


def test_another_shape_is_refused(source):
    wider = config.Model(width=32, depth=1)
    with pytest.raises(JobError, match=r"weights of another shape: .* differs"):
        initial_weights(source, suite_of(wider, TOTAL), NEW, seed=0)

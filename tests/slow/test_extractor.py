from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bad_texts import BAD
from invoicelake import config
from invoicelake.models.bundle import load_bundle, save_bundle
from invoicelake.models.encoding import IGNORED, Vocabulary, encode, tensor_specs
from invoicelake.models.labelling import label
from invoicelake.text.document import Line
from invoicelake.trust.acceptance import HeldOut, Reason, field_reason, field_rules

keras = pytest.importorskip("keras")

from invoicelake.models import extractor  # noqa: E402
from invoicelake.models.layers import ColumnWeights  # noqa: E402

pytestmark = pytest.mark.slow

FIELDS = (
    config.Field(name="company", kind="text"),
    config.Field(name="date", kind="date"),
    config.Field(name="total", kind="amount"),
)
ENCODING = config.Encoding(max_tokens=24)
MODEL = config.Model(width=16, depth=2, dropout=0.0)
VOCABULARY = Vocabulary(("TOTAL", "DATE", "CASH", "LTD"))


def receipt(number: int) -> tuple[list[Line], dict[str, str]]:
    labels = {
        "company": f"SHOP {number} LTD",
        "date": f"{1 + number % 28:02d}/05/2018",
        "total": f"{number + 3}.50",
    }
    texts = [
        labels["company"],
        "THANK YOU",
        f"DATE: {labels['date']}",
        "ITEM 1.25",
        f"TOTAL: {labels['total']}",
        "CASH 99.00",
    ]
    lines = [Line(text, 0, 0, 20 * k, 10 * len(text), 20 * k + 15) for k, text in enumerate(texts)]
    return lines, labels


def batch(numbers: range) -> tuple[dict[str, np.ndarray], np.ndarray]:
    windows, targets = [], []
    for number in numbers:
        lines, labels = receipt(number)
        found = encode(lines, VOCABULARY, ENCODING)
        windows += found
        targets += label(lines, found, labels, FIELDS, ENCODING)
    return {name: np.stack([w.inputs[name] for w in windows]) for name in windows[0].inputs}, np.stack(
        targets
    )


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    model = extractor.build(MODEL, ENCODING, VOCABULARY.size, FIELDS)
    extractor.compile_extractor(model, keras.optimizers.Adam(0.01))
    inputs, targets = batch(range(64))
    model.fit(inputs, targets, batch_size=16, epochs=25, verbose=0)
    return model


def test_it_learns_what_it_is_shown_and_reads_what_it_has_not_seen(
    network: keras.Model, tmp_path: Path
) -> None:
    save_bundle(tmp_path, MODEL, ENCODING, FIELDS, VOCABULARY, network.get_weights())
    documents = [receipt(number) for number in range(64, 80)]
    found = load_bundle(tmp_path).predict([lines for lines, _ in documents])
    right = [
        one.value == labels[one.field]
        for one_document, (_, labels) in zip(found, documents, strict=True)
        for one in one_document
    ]
    assert len(right) >= 46
    assert np.mean(right) > 0.9


RIGHT = {"company": {"ACME BOOKS"}, "date": {"25/12/2018"}, "total": {"9.00", "TOTAL 9.00"}}
"""What may be read of documents that no supplier should print."""


def test_of_text_that_no_supplier_should_print_nothing_wrong_is_accepted(
    network: keras.Model, tmp_path: Path
) -> None:
    save_bundle(tmp_path, MODEL, ENCODING, FIELDS, VOCABULARY, network.get_weights())
    bundle = load_bundle(tmp_path)
    settings = config.Accept()
    sound = [receipt(number) for number in range(100, 400)]
    found = bundle.predict([lines for lines, _ in sound])
    readings = [
        (one, one.value == labels[one.field])
        for document, (_, labels) in zip(found, sound, strict=True)
        for one in document
    ]
    held_out = {
        field.name: HeldOut(
            [one.score for one, _ in readings if one.field == field.name],
            [is_right for one, is_right in readings if one.field == field.name],
            [str(number) for number, (one, _) in enumerate(readings) if one.field == field.name],
        )
        for field in FIELDS
    }
    shares = sorted(unknown_share(lines) for lines, _ in sound)

    def accepted(lines: list[Line]) -> dict[str, str]:
        (read,) = bundle.predict([lines])
        share = unknown_share(lines)
        rules = field_rules(held_out, shares, {one.field: [one.score] for one in read}, [share], settings)
        return {
            one.field: one.value
            for one in read
            if field_reason(one.value, one.score, share, (), rules[one.field], shares, settings)
            == Reason.BOUND_HOLDS
        }

    assert sum(len(accepted(lines)) for lines, _ in map(receipt, range(400, 410))) >= 20
    wrong = {
        (name, field, value)
        for name, lines in BAD.items()
        # This one has seen nothing but the company on a first line.
        if name != "one line"
        for field, value in accepted(lines).items()
        if value not in RIGHT[field]
    }
    assert wrong == set()


def unknown_share(lines: list[Line]) -> float:
    return VOCABULARY.unknown_share(word for line in lines for word in line.text.split())


def test_inputs_are_those_of_the_encoding(network: keras.Model) -> None:
    assert network.name == "field_tagger"
    assert set(network.input) == {spec.name for spec in tensor_specs(ENCODING)[:-1]}
    assert network.output_shape == (None, None, 1 + len(FIELDS))


def test_padding_does_not_matter(network: keras.Model) -> None:
    inputs, _ = batch(range(3))
    used = int((inputs["words"] > 0).sum(axis=1).max())
    whole = network.predict_on_batch(inputs)
    trimmed = network.predict_on_batch({name: values[:, :used] for name, values in inputs.items()})
    for row, length in enumerate((inputs["words"] > 0).sum(axis=1)):
        np.testing.assert_allclose(whole[row, :length], trimmed[row, :length], atol=1e-4)


def test_json_rebuilds_the_network(network: keras.Model) -> None:
    again = keras.models.model_from_json(network.to_json())
    again.set_weights(network.get_weights())
    inputs, _ = batch(range(2))
    np.testing.assert_allclose(again.predict_on_batch(inputs), network.predict_on_batch(inputs), atol=1e-5)


def test_noise_is_for_training_only(network: keras.Model) -> None:
    inputs, _ = batch(range(2))
    assert np.ptp([network(inputs, training=True).numpy() for _ in range(3)], axis=0).max() > 1e-3
    assert np.ptp([network(inputs, training=False).numpy() for _ in range(2)], axis=0).max() == 0


def test_loss_and_metric_leave_out_what_does_not_count() -> None:
    targets = np.array([[1, 0, 2, IGNORED]], dtype=np.uint8)
    logits = np.full((1, 4, 3), -20.0, dtype=np.float32)
    for place, chosen in enumerate((1, 1, 2, 1)):
        logits[0, place, chosen] = 20
    metric = extractor.TokenF1()
    metric.update_state(targets[..., None], logits)
    assert float(metric.result()) == pytest.approx(0.8)  # 2 right of 3 predicted and 2 labelled
    assert float(extractor.TokenLoss(choice=0.0)(targets, logits)) == pytest.approx(40 / 32, rel=1e-4)
    # Field 1 is read from the right or the wrong token with equal chance, field 2 from the right one.
    assert float(extractor.TokenLoss(choice=1.0)(targets, logits)) == pytest.approx(
        40 / 32 + np.log(2), rel=1e-4
    )


def test_items_add_to_loss_and_metric() -> None:
    targets = np.array([[[1, 0], [0, 2], [2, IGNORED]]], dtype=np.uint8)
    logits = np.full((1, 3, 3 + extractor.ITEM_CLASSES), -20.0, dtype=np.float32)
    for place, (of_field, of_item) in enumerate(((1, 0), (0, 1), (2, 3))):
        logits[0, place, of_field] = logits[0, place, 3 + of_item] = 20
    metric = extractor.TokenF1(extractor.ITEM_CLASSES)
    metric.update_state(targets, logits)
    assert float(metric.result()) == pytest.approx(2 * 2 / (3 + 3))  # a part of an item is taken for another
    fields = float(extractor.TokenLoss()(targets[..., 0], logits[..., :3]))
    both = float(extractor.HeadsLoss(extractor.ITEM_CLASSES)(targets, logits))
    assert both - fields == pytest.approx(40 / 32, rel=1e-4)


@pytest.mark.parametrize(("margin", "expected"), [(-30.0, 0.0), (0.0, np.log(5)), (30.0, 30 + np.log(4))])
def test_choice_of_an_absent_field_is_none(margin: float, expected: float) -> None:
    targets = np.zeros((1, 4), dtype=np.uint8)
    logits = np.stack([np.zeros((1, 4)), np.full((1, 4), margin)], axis=-1).astype(np.float32)
    tokens = float(extractor.TokenLoss(choice=0.0)(targets, logits))
    assert float(extractor.TokenLoss(choice=1.0)(targets, logits)) - tokens == pytest.approx(
        expected, abs=1e-3
    )


def test_column_neighbours() -> None:
    boxes = [(0, 0, 5, 1), (5, 0, 9, 1), (20, 0, 25, 1), (0, 1.2, 9, 2.2), (20, 1.2, 25, 2.2), (0, 4, 5, 5)]
    lines = [1, 1, 2, 3, 4, 5]
    padded = np.array([*boxes, (0, 0, 0, 0)], dtype=np.float32)[None]
    above, below = ColumnWeights()((padded, np.array([[*lines, 0]])))
    assert [np.flatnonzero(row > 0.01).tolist() for row in above[0]] == [[], [], [], [0, 1], [2], [3], []]
    assert [np.flatnonzero(row > 0.01).tolist() for row in below[0]] == [[3], [3], [4], [5], [], [], []]
    assert set(np.round(np.sum(above, axis=-1), 4).ravel().tolist()) == {0.0, 1.0}


def test_unknown_name() -> None:
    with pytest.raises(config.SettingsError, match=r"no model 'nothing'; known: .*field_tagger"):
        extractor.build(config.Model(name="nothing"), ENCODING, 10, FIELDS)


def test_odd_documents_are_read_without_failing(network: keras.Model, tmp_path: Path) -> None:
    save_bundle(tmp_path, MODEL, ENCODING, FIELDS, VOCABULARY, network.get_weights())
    long = [Line(f"ITEM {k} {k}.00", 0, 0, 20 * k, 100, 20 * k + 15) for k in range(500)]
    found = load_bundle(tmp_path).predict([[], [Line("x", 0, 0, 0, 0, 0)], long, receipt(1)[0]])
    assert found[0] == []
    assert len(found) == 4
    assert all(0 <= one.score <= 1 for document in found for one in document)

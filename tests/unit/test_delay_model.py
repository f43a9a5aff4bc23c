"""The model of payment delay: what it is given, what it learns, and its files."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from delay_examples import columns, encoding
from invoicelake import config
from invoicelake.models.delay import DaysError, DelayLoss, LateAuc, TableRows, rows_of, wide_and_deep
from invoicelake.models.delay_bundle import load_delay_bundle, save_delay_bundle
from invoicelake.models.delay_encoding import BINS, INPUTS, LABELS, NUMBERS, TENSORS, DelayEncoding
from invoicelake.models.described_files import BundleError
from invoicelake.table_spec import load_specs
from invoicelake.training.delay_task import DelayTask

SETTINGS = config.DelayModel(width=16, epochs=1)
SPEC = load_specs(Path(__file__).resolve().parents[2] / "conf" / "tables")["gold.payment_delay_tensor"]

# column, value, number, bin; where a number's mean is 10, its deviation 4 and its edges 5 and 20
ENCODED = [
    ("terms_days", 10, 0.0, 2),
    ("terms_days", 14, 1.0, 2),
    ("terms_days", 5, -1.25, 2),
    ("terms_days", 4.9, -1.275, 1),
    ("terms_days", 20, 2.5, 3),
    ("terms_days", 10_000, 4.0, 3),
    ("terms_days", None, 0.0, 0),
    ("terms_days", float("nan"), 0.0, 0),
    ("amount_minor", np.expm1(14), 1.0, 3),
    ("amount_minor", -np.expm1(14), -4.0, 1),
]


@pytest.mark.parametrize(("name", "value", "number", "place"), ENCODED)
def test_numbers_are_scaled_and_in_bins(name, value, number, place):
    made = encoding().encode(columns(1) | {name: [value]})
    assert made["numbers"][0, NUMBERS.index(name)] == pytest.approx(number)
    assert made["bins"][0, BINS.index(name)] == place


# column, value, number
CATEGORIES = [("country", "818", 1), ("country", "404", 0), ("country", None, 0)]
CATEGORIES += [("invoice_weekday", 3, 3), ("is_paperless", True, 2), ("is_paperless", False, 1)]


@pytest.mark.parametrize(("name", "value", "number"), CATEGORIES)
def test_categories_are_numbered_and_others_are_0(name, value, number):
    assert encoding().encode(columns(1) | {name: [value]})["bins"][0, BINS.index(name)] == number


def test_tensors_are_those_that_the_table_declares():
    made = encoding().encode(columns(5))
    assert {name: (values.dtype.str, values.shape[1:]) for name, values in made.items()} == {
        spec.name: (spec.dtype, spec.shape) for spec in TENSORS
    }
    sizes = {"delay_numbers": len(NUMBERS), "delay_bins": len(BINS)}
    declared = {
        column.name: (column.tensor.dtype, tuple(sizes.get(size, size) for size in column.tensor.shape))
        for column in SPEC.columns
        if column.tensor
    }
    assert declared == {spec.name: (spec.dtype, spec.shape) for spec in (*TENSORS, LABELS)}
    assert (made["bins"] < np.array(encoding().sizes)).all()


def test_encoding_comes_back_from_text_and_its_name_tells_it_from_others():
    assert DelayEncoding.from_json(encoding().to_json()) == encoding()
    other = replace(encoding(), numbers=(replace(encoding().numbers[0], mean=1.0), *encoding().numbers[1:]))
    assert other.identifier != encoding().identifier


def test_rows_of_bins_and_pairs_are_all_different():
    sizes, pairs = (2, 3, 2), ((0, 1), (1, 2))
    every = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, 3)
    rows = TableRows(sizes, pairs)(every).numpy()
    seen = [set(column.tolist()) for column in rows.T]
    assert [len(each) for each in seen] == [2, 3, 2, 6, 6]
    assert set().union(*seen) == set(range(rows_of(sizes, pairs)))


def test_json_rebuilds_the_network():
    network = wide_and_deep(SETTINGS, encoding().sizes, 3)
    again = keras.models.model_from_json(network.to_json())
    again.set_weights(network.get_weights())
    inputs = encoding().encode(columns(7))
    np.testing.assert_allclose(again.predict_on_batch(inputs), network.predict_on_batch(inputs), atol=1e-5)


def test_loss_is_absolute_error_and_log_loss():
    targets, delays = np.array([[-5.0, 0], [20, 1]]), np.array([[5.0, 0], [10, 0]])
    losses = DelayLoss(0.5, reduction="none")(targets, delays)
    np.testing.assert_allclose(losses, 0.5 + np.log(2), rtol=1e-6)


def test_metrics_take_early_ones_for_in_time_and_leave_out_what_does_not_count():
    targets = np.array([[-5.0, 0], [20, 1], [3, 1], [99, 0]])
    delays = np.array([[-30.0, -1], [12, 2], [0, -2], [0, 9]])
    weights = np.array([1.0, 1, 1, 0])
    error, auc = DaysError(), LateAuc()
    for metric in (error, auc):
        metric.update_state(targets, delays, weights)
    assert float(error.result()) == pytest.approx((0 + 8 + 3) / 3)
    assert float(auc.result()) == pytest.approx(0.5, abs=0.01)


def test_what_lateness_hangs_on_is_learnt():
    """Who mostly came late comes 8 days late, who did not 4 days early."""
    task = DelayTask(config.DelayModel(dropout=0.0, days_weight=0.1), encoding())
    given, targets = encoding().encode(columns(600)), np.zeros((600, 2), np.float32)
    is_late = np.array(columns(600)["customer_late_share"]) > 10
    targets[:, 0] = np.where(is_late, 8, -4)
    targets[:, 1] = is_late
    model = task.build(None)
    task.compile(model, keras.optimizers.Adam(0.01))
    model.fit(given, targets, batch_size=50, epochs=8, verbose=0)
    found = model.evaluate(given, targets, return_dict=True, verbose=0)
    assert found["late_auc"] > 0.99
    assert found["days_error"] < 2


@pytest.fixture
def saved(tmp_path):
    weights = wide_and_deep(SETTINGS, encoding().sizes, len(encoding().customers.values)).get_weights()
    save_delay_bundle(tmp_path / "model", SETTINGS, encoding(), datetime.date(2024, 5, 1), weights)
    return tmp_path / "model"


def test_a_saved_model_judges_as_before(saved):
    predictor = load_delay_bundle(saved)
    assert (predictor.settings, predictor.encoding) == (SETTINGS, encoding())
    assert predictor.unseen_from == datetime.date(2024, 5, 1)
    found = predictor.predict(columns(9))
    assert found.days_late.shape == found.late_probability.shape == (9,)
    assert (found.days_late >= 0).all()
    assert ((found.late_probability > 0) & (found.late_probability < 1)).all()
    alone = predictor.predict({name: values[3:4] for name, values in columns(9).items()})
    np.testing.assert_allclose(alone.late_probability, found.late_probability[3:4], rtol=1e-5)
    assert predictor.predict({name: [] for name in INPUTS}).days_late.shape == (0,)


CHANGES = [
    ({"form": 1}, "form is 1, expected payment delay 1"),
    ({"encoding": {}}, "no readable model of payment delay"),
    ({"unseen_from": "soon"}, "no readable model of payment delay"),
    ({"encoding_sha256": "0"}, "SHA-256 of the encoding"),
]


@pytest.mark.parametrize(("change", "told"), CHANGES)
def test_other_files_are_refused(saved, change, told):
    file = saved / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(BundleError, match=told):
        load_delay_bundle(saved)


def test_weights_of_another_shape_are_told(saved):
    predictor = replace(load_delay_bundle(saved), settings=config.DelayModel(width=8))
    with pytest.raises(BundleError, match="trained by another version of this code"):
        predictor.predict(columns(1))

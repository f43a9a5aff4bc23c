"""Scores of payment delay, the choice among what a model is compared with, and the report."""

from __future__ import annotations

import numpy as np
import pytest

from invoicelake.evaluation.delay_baselines import chosen
from invoicelake.evaluation.delay_metrics import DelayScore, delay_score
from invoicelake.evaluation.delay_report import DelayReport, best_of, render, verdicts
from invoicelake.trust.reliability import reliability


def array(*values):
    return np.array(values, dtype=np.float64)


# why                      days late    expected      probability         error  auc    calibration
SCORES = [
    ("all right", (0, 4, 9), (0, 4, 9), (0, 1, 1), 0.0, 1.0, 0.0),
    ("ranked right, too high", (0, 0, 8), (1, 0, 5), (0.75, 0.75, 0.95), 4 / 3, 1.0, (2 * 0.75 + 0.05) / 3),
    ("ranked wrong", (0, 7), (7, 0), (0.9, 0.1), 7.0, 0.0, 0.9),
    ("no days, ties", (0, 3, 0, 2), None, (0.5,) * 4, None, 0.5, 0.0),
    ("all late", (1, 2), (1, 2), (0.8, 0.8), 0.0, None, 0.2),
]


@pytest.mark.parametrize(("days", "expected", "probability", "error", "auc", "gap"), [c[1:] for c in SCORES])
def test_scores(days, expected, probability, error, auc, gap):
    found = delay_score(array(*days), None if expected is None else array(*expected), array(*probability))
    assert (found.mean_error_days, found.auc) == (error, auc)
    assert found.calibration_error == pytest.approx(gap)
    assert (found.receivables, found.late_share) == (len(days), np.mean(array(*days) > 0))
    assert sum(each.readings for each in found.reliability) == len(days)


def test_validation_alone_chooses():
    """On train and test the second candidate of each kind is the best, on validation the first."""
    splits = ["train", "train", "train", "validation", "test"]
    rows = {
        "split": np.array(splits, dtype=object),
        "days_late": array(0, 2, 6, 5, 0),
        "tree_days_2": array(9, 9, 9, 5, 9),
        "tree_days_4": array(0, 2, 6, -9, 0),
        "tree_late_2": array(0.9, 0.1, 0.1, 0.9, 0.9),
        "tree_late_4": array(0.1, 0.9, 0.9, 0.2, 0.1),
        "linear_0": array(0.8, 0.2, 0.2, 0.8, 0.8),
        "linear_1": array(0.1, 0.9, 0.9, 0.0, 0.1),
    }
    found = chosen(rows)
    np.testing.assert_array_equal(found["trees"][0], rows["tree_days_2"])
    np.testing.assert_array_equal(found["trees"][1], rows["tree_late_2"])
    np.testing.assert_array_equal(found["logistic_regression"][1], rows["linear_0"])
    assert found["logistic_regression"][0] is None
    np.testing.assert_array_equal(found["constant"][0], [2] * 5)
    np.testing.assert_allclose(found["constant"][1], [2 / 3] * 5)


def score(error, auc, gap):
    return DelayScore(40, 0.4, error, auc, gap, tuple(reliability([0.2, 0.7], [True, False])))


BY_NAME = {
    "network": score(2.5, 0.8, 0.03),
    "constant": score(4.0, 0.5, 0.01),
    "trees": score(2.2, 0.9, 0.05),
    "logistic_regression": score(None, 0.7, 0.02),
}


def test_report_says_what_wins_where():
    assert best_of(BY_NAME) == {"mean_error_days": "trees", "auc": "trees", "calibration_error": "constant"}
    assert verdicts(BY_NAME) == [
        "By error in days the network (2.500) loses to gradient-boosted trees (2.200).",
        "By AUC of being late the network (0.800) loses to gradient-boosted trees (0.900).",
        "By calibration error the network (0.030) loses to always the median, and the share late (0.010).",
    ]
    assert verdicts({"network": BY_NAME["network"], "trees": score(9, None, 0.9)}) == [
        "By error in days the network is best (2.500).",
        "By AUC of being late the network is best (0.800).",
        "By calibration error the network is best (0.030).",
    ]


def test_report_is_one_page_of_its_own():
    history = {"loss": [2.0, 1.5], "val_loss": [2.1, 1.9], "val_late_auc": [0.6, 0.7]}
    scores = {"test": BY_NAME, "validation": BY_NAME}
    page = render(
        DelayReport("payment_delay_generated, version 3", {"Receivables": "<i>"}, scores, history, 2)
    )
    assert "The weights of epoch 2 were kept" in page
    assert "<b>2.200</b>" in page
    assert "loses to gradient-boosted trees (2.200)" in page
    assert "&lt;i&gt;" in page
    assert page.count("<svg") >= 4 + 2
    assert "&ndash;" in page
    assert "http" not in page.replace("http-equiv", "")


def test_report_of_one_class_has_no_auc():
    scores = {"test": {name: score(1.0, None, 0.1) for name in BY_NAME}}
    assert "AUC of being late," not in render(DelayReport("a", {}, scores))

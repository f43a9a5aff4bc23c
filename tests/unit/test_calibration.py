from __future__ import annotations

import json

import numpy as np
import pytest

from invoicelake.trust.calibration import Calibration, chosen_calibration, fitted
from invoicelake.trust.reliability import expected_calibration_error, reliability

METHODS = ("share", "temperature", "platt", "beta", "isotonic")


def drawn(number: int, seed: int, truth: str) -> tuple[list[float], list[bool], list[str]]:
    """Scores that are off in a known way, whether each reading is right, and its supplier."""
    draw = np.random.default_rng(seed)
    scores = np.clip(draw.beta(5, 0.7, size=number), 1e-6, 1 - 1e-6)
    chances = {
        "overconfident": scores**0.3 * 0.9,
        "sound": scores,
        "says nothing": np.full(number, 0.9),
        "steps": np.where(scores > 0.8, 0.97, 0.5),
        "always right": np.ones(number),
        "always wrong": np.zeros(number),
    }[truth]
    suppliers = [f"supplier {number}" for number in draw.integers(0, max(number // 4, 1), size=number)]
    return scores.tolist(), (draw.random(number) < chances).tolist(), suppliers


@pytest.mark.parametrize("truth", ["overconfident", "sound", "says nothing", "steps", "always right"])
def test_calibrated_on_few_hundred_it_holds_on_others(truth: str) -> None:
    calibration, _ = chosen_calibration(*drawn(400, 1, truth))
    scores, is_right, _ = drawn(20_000, 2, truth)
    before = expected_calibration_error(scores, is_right)
    after = expected_calibration_error(calibration.probabilities(scores), is_right)
    assert after <= 0.04
    assert after <= before + 0.02


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("truth", ["overconfident", "always right", "always wrong"])
@pytest.mark.parametrize("number", [1, 3, 300])
def test_no_method_is_ever_certain_or_turns_the_order(method: str, truth: str, number: int) -> None:
    scores, is_right, _ = drawn(number, 3, truth)
    found = fitted(method, scores, is_right).probabilities(np.linspace(0, 1, 101))
    assert np.all((found > 0) & (found < 1))
    assert np.all(np.diff(found) >= -1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_kept_as_json(method: str) -> None:
    scores, is_right, _ = drawn(200, 4, "overconfident")
    calibration = fitted(method, scores, is_right)
    assert Calibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


@pytest.mark.parametrize(
    "held",
    [
        {"method": "eval", "values": [1, 1, 0], "fitted_on": 1},
        {"method": "platt", "values": [1, 1], "fitted_on": 1},
        {"method": "beta", "values": [1, 1, float("nan")], "fitted_on": 1},
        {"method": "isotonic", "values": [0.1, 0.2, 0.3], "fitted_on": 1},
    ],
)
def test_what_is_no_calibration_is_refused(held: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_dict(held)


def test_a_supplier_is_not_judged_by_what_was_fitted_on_it() -> None:
    """One supplier of which all is wrong at a score that is right elsewhere."""
    scores = [0.9] * 80 + [0.95] * 20
    is_right = [True] * 80 + [False] * 20
    calibration, outside = chosen_calibration(
        scores, is_right, [f"{k % 8}" for k in range(80)] + ["odd"] * 20
    )
    assert min(outside[80:]) > 0.9
    assert calibration.fitted_on == 100


def test_reliability() -> None:
    found = reliability([0.05, 0.05, 0.95, 0.95, 0.95, 1.0], [False, True, True, True, True, False], bins=10)
    assert [(each.readings, each.share) for each in found] == [(2, 0.5), (4, 0.75)]
    assert [each.probability for each in found] == pytest.approx([0.05, 0.9625])
    assert all(each.low <= each.share <= each.high for each in found)


@pytest.mark.parametrize(
    ("probabilities", "is_right", "expected"),
    [
        ([], [], 0.0),
        ([1.0, 1.0], [True, True], 0.0),
        ([0.9] * 10, [True] * 9 + [False], 0.0),
        ([0.9] * 10, [True] * 5 + [False] * 5, 0.4),
        ([0.9] * 5 + [0.1] * 5, [False] * 5 + [True] * 5, 0.9),
    ],
)
def test_expected_calibration_error(
    probabilities: list[float], is_right: list[bool], expected: float
) -> None:
    assert expected_calibration_error(probabilities, is_right) == pytest.approx(expected)

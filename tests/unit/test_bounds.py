from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from invoicelake.trust.bounds import chosen_cut, design_effect, needed_readings, upper_bounds

Array = NDArray[np.float64]
DRAWS = 1000
CONFIDENCE = 0.95


@pytest.mark.parametrize(
    ("wrong", "total", "bound"),
    [(0, 299, 0.00997), (0, 10, 0.25887), (1, 10, 0.39416), (10, 10, 1.0), (5, 1000, 0.01049)],
)
def test_upper_bounds(wrong: int, total: int, bound: float) -> None:
    found = upper_bounds(np.array([wrong]), np.array([total]), CONFIDENCE)
    assert found[0] == pytest.approx(bound, abs=1e-5)


@pytest.mark.parametrize(("max_error", "needed"), [(0.01, 299), (0.05, 59), (0.5, 5), (0.0, 1), (1.0, 1)])
def test_needed_readings(max_error: float, needed: int) -> None:
    assert needed_readings(max_error, CONFIDENCE) == needed


CUTS = [
    # why                                scores                       wrong ranks  max_error  from, accepted
    ("all right, and enough", [0.9] * 300, [], 0.01, (0.9, 300)),
    ("all right, one too few", [0.9] * 298, [], 0.01, (None, 0)),
    ("nothing to learn from", [], [], 0.05, (None, 0)),
    ("no error allowed", [0.9] * 500, [], 0.0, (None, 0)),
    ("all wrong", [0.9] * 300, list(range(300)), 0.05, (None, 0)),
    ("the wrong ones score less", [0.9] * 200 + [0.4] * 100, list(range(200, 300)), 0.05, (0.5, 200)),
    ("equal scores stand or fall together", [0.9] * 200 + [0.4] * 100, [299], 0.02, (0.4, 300)),
    ("below the lowest right one", [0.9] * 200 + [0.4] + [0.1], [201], 0.05, (0.4, 201)),
    ("a wrong one on top", [0.9] * 60, [0], 0.05, (None, 0)),
]


@pytest.mark.parametrize(
    ("scores", "wrong", "max_error", "expected"), [c[1:] for c in CUTS], ids=[c[0] for c in CUTS]
)
def test_chosen_cut(
    scores: list[float], wrong: list[int], max_error: float, expected: tuple[float | None, int]
) -> None:
    cut = chosen_cut(scores, [number not in wrong for number in range(len(scores))], max_error)
    start, accepted = expected
    assert cut.accepted == accepted
    assert (start is not None and cut.accepts(start)) is (accepted > 0)
    assert not cut.accepts((start or 0.0) - 0.1)
    assert cut.held_out == len(scores)
    assert cut.error_bound is None or cut.error_bound <= max_error


def _rising(score: Array) -> Array:
    """Sound scores: the surer, the more often right."""
    return 0.5 + 0.5 * score**0.5


def _flat(score: Array) -> Array:
    """Scores that say nothing, of readings that are wrong a little too often for either allowance."""
    return np.full_like(score, 0.9495)


def _overconfident(score: Array) -> Array:
    """The very surest are wrong more often than those below."""
    return np.where(score > 0.9, 0.93, 0.985)


def _perfect(score: Array) -> Array:
    return np.ones_like(score)


@pytest.mark.parametrize(("held_out", "max_error"), [(300, 0.05), (900, 0.02), (900, 0.05)])
@pytest.mark.parametrize("truth", [_rising, _flat, _overconfident, _perfect])
def test_the_promise_holds_in_95_of_100_draws(
    truth: Callable[[Array], Array], held_out: int, max_error: float
) -> None:
    draw = np.random.default_rng(held_out)
    # Scores near 1 are frequent, as the model's are; the whole population says what the true error is.
    population = np.sort(draw.beta(6, 0.6, size=20_000))
    from_top = np.cumsum((1 - truth(population))[::-1]) / np.arange(1, 20_001)
    broken, shares = 0, []
    for _ in range(DRAWS):
        scores = draw.choice(population, held_out)
        cut = chosen_cut(scores, draw.random(held_out) < truth(scores), max_error, CONFIDENCE)
        shares.append(cut.accepted_share)
        if cut.above is not None:
            accepted = 20_000 - int(np.searchsorted(population, cut.above, side="right"))
            broken += accepted > 0 and from_top[accepted - 1] > max_error
    assert broken / DRAWS <= 1 - CONFIDENCE
    if truth is _perfect:
        assert np.mean(shares) == 1.0


@pytest.mark.parametrize(
    ("why", "is_right", "groups", "expected"),
    [
        ("each on its own", [True, False, True, True], ["a", "b", "c", "d"], 1.0),
        ("nothing wrong", [True] * 4, ["a", "a", "b", "b"], 1.0),
        ("nothing to learn from", [], [], 1.0),
        ("one supplier", [True, False], ["a", "a"], 1.0),
        ("whole suppliers wrong", [True] * 30 + [False] * 10, [f"{k // 10}" for k in range(40)], 10.0),
        ("errors spread evenly", [True, True, True, False] * 10, [f"{k // 4}" for k in range(40)], 1.0),
    ],
)
def test_design_effect(why: str, is_right: list[bool], groups: list[str], expected: float) -> None:
    assert design_effect(is_right, groups) == pytest.approx(expected)


def test_the_promise_holds_for_suppliers_drawn_anew() -> None:
    draw = np.random.default_rng(5)
    # Most suppliers are read without a mistake, some hardly ever right: 4 % of all are wrong.
    chances = np.where(draw.random(5000) < 0.9, 0.01, 0.31)
    true_error = float(chances.mean())
    broken = {True: 0, False: 0}
    for _ in range(DRAWS):
        suppliers = draw.integers(0, 5000, size=60)
        is_right = (draw.random((60, 8)) > chances[suppliers][:, None]).ravel().tolist()
        groups = [f"{number}" for number in range(60) for _ in range(8)]
        for is_together in (True, False):
            effect = design_effect(is_right, groups) if is_together else 1.0
            cut = chosen_cut([0.9] * 480, is_right, true_error - 1e-3, CONFIDENCE, effect)
            broken[is_together] += cut.above is not None
    assert broken[True] / DRAWS <= 1 - CONFIDENCE
    assert broken[False] > broken[True]

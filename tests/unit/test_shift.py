from __future__ import annotations

import random

import numpy as np
import pytest

from invoicelake import config
from invoicelake.models.vocabulary import build_vocabulary, word_key
from invoicelake.sources.generated.documents import generate
from invoicelake.sources.generated.faults import with_faults
from invoicelake.trust.bounds import chosen_cut, upper_bounds
from invoicelake.trust.shift import excess_share, is_unlike

RISK = 0.01
GRADES = (0.03, 0.1, 0.25)
"""Shares of misread characters: a light, a middling and a heavy fault."""
EXCESS = [
    # why                              held out                 batch                    least, most
    ("no held-out readings", [], [0.5] * 50, 0.0, 0.0),
    ("an empty batch", [0.5] * 50, [], 0.0, 0.0),
    ("the same", [k / 500 for k in range(500)], [k / 500 for k in range(500)], 0.0, 0.0),
    ("all better", [0.5] * 500, [0.9] * 500, 0.0, 0.0),
    ("all worse", [0.9] * 500, [0.5] * 500, 0.9, 0.91),
    ("a fifth worse", [0.9] * 2000, [0.9] * 1600 + [0.5] * 400, 0.15, 0.16),
    ("too few to tell", [0.9] * 20, [0.9] * 16 + [0.5] * 4, 0.0, 0.0),
]


@pytest.mark.parametrize(
    ("held_out", "batch", "least", "most"), [c[1:] for c in EXCESS], ids=[c[0] for c in EXCESS]
)
def test_excess_share(held_out: list[float], batch: list[float], least: float, most: float) -> None:
    assert least <= excess_share(held_out, batch, RISK) <= most


def test_chance_is_taken_for_shift_as_rarely_as_promised() -> None:
    draw = np.random.default_rng(0)
    draws = [excess_share(list(draw.random(300)), list(draw.random(200)), RISK) for _ in range(1000)]
    assert sum(found > 0 for found in draws) / len(draws) <= RISK


def test_more_shift_accepts_less_and_what_is_accepted_keeps_the_promise() -> None:
    draw = np.random.default_rng(1)
    scores = list(draw.beta(6, 0.6, size=1000))
    is_right = list(draw.random(1000) < 0.8 + 0.2 * np.asarray(scores))
    excesses = (0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.05)
    cuts = {excess: chosen_cut(scores, is_right, 0.05, excess=excess) for excess in excesses}
    shares = [cut.accepted_share for cut in cuts.values()]
    assert shares == sorted(shares, reverse=True)
    assert len(set(shares)) > 2
    assert shares[-1] == 0
    for excess, cut in cuts.items():
        if cut.error_bound is not None:
            shown = upper_bounds(np.array([cut.wrong]), np.array([cut.accepted]), 0.95)[0]
            assert shown + excess / cut.accepted_share <= cut.error_bound <= 0.05


@pytest.mark.parametrize(
    ("why", "value", "held_out", "expected"),
    [
        ("above all of 99", 1.0, [0.1] * 99, True),
        ("above all of 98", 1.0, [0.1] * 98, False),
        ("as large as the largest", 0.1, [0.1] * 500, False),
        ("above all but two of 400", 0.5, [0.1] * 398 + [0.6] * 2, True),
        ("above all but ten of 400", 0.5, [0.1] * 390 + [0.6] * 10, False),
        ("nothing held out", 1.0, [], False),
    ],
)
def test_is_unlike(why: str, value: float, held_out: list[float], expected: bool) -> None:
    assert is_unlike(value, held_out, RISK) is expected


@pytest.fixture(scope="module")
def unknown_shares() -> dict[float, list[float]]:
    """Unknown words of 150 documents by the share of misread characters; 0 is the documents as they come.

    The vocabulary is of other documents of the same suppliers.
    """
    settings = config.Generator(suppliers=40)
    counts: dict[str, int] = {}
    for index in range(300):
        words = " ".join(line.text for line in generate(index, 0, settings).lines).split()
        for word in {word_key(word) for word in words}:
            counts[word] = counts.get(word, 0) + 1
    vocabulary = build_vocabulary(counts.items(), config.Encoding())
    documents = [list(generate(index, 0, settings).lines) for index in range(300, 450)]
    return {
        grade: [
            vocabulary.unknown_share(
                word
                for line in (
                    with_faults(random.Random(f"{grade}/{number}"), lines, grade) if grade else lines
                )
                for word in line.text.split()
            )
            for number, lines in enumerate(documents)
        ]
        for grade in (0.0, *GRADES)
    }


def test_degraded_text_is_noticed_by_batch_and_the_more_the_worse_it_is(
    unknown_shares: dict[float, list[float]],
) -> None:
    held_out = [-share for share in unknown_shares[0.0][:100]]
    excess = [
        excess_share(held_out, [-share for share in unknown_shares[grade][100:]], RISK) for grade in GRADES
    ]
    assert excess_share(held_out, [-share for share in unknown_shares[0.0][100:]], RISK) == 0
    assert 0 < excess[0] < excess[1] <= excess[2]


def test_degraded_text_is_noticed_by_document(unknown_shares: dict[float, list[float]]) -> None:
    held_out = sorted(unknown_shares[0.0][:100])
    unlike = [
        sum(is_unlike(share, held_out, RISK) for share in unknown_shares[grade][100:])
        for grade in (0.0, *GRADES)
    ]
    assert unlike[0] <= 2
    assert unlike == sorted(unlike)
    assert unlike[-1] >= 45

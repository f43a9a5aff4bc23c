from __future__ import annotations

from dataclasses import replace

import pytest

from invoicelake.evaluation.bootstrap import Difference, bootstrap_interval, paired_difference
from invoicelake.evaluation.metrics import Group, Scored, score

FIELDS = ("company", "total")


def scored(truths, predictions, group=Group.UNSEEN, document_id="d"):
    return Scored(document_id, group, truths, predictions)


DOCUMENTS = [
    scored({"company": "A", "total": "1"}, {"company": "A", "total": "1"}),
    scored({"company": "A", "total": "1"}, {"company": "A", "total": "2"}),
    scored({"company": "B"}, {"company": "B", "total": "3"}, Group.SEEN),
    scored({"company": "C", "total": "1"}, {}, Group.TRAINED),
]


def of_suppliers(times: int) -> list[Scored]:
    """The documents that many times, each time of other suppliers."""
    return [
        replace(
            document,
            truths={**document.truths, "company": f"{document.truths['company']}{number}"},
            predictions={
                name: f"{value}{number}" if name == "company" else value
                for name, value in document.predictions.items()
            },
        )
        for number in range(times)
        for document in DOCUMENTS
    ]


def test_bootstrap_interval_holds_the_score_and_narrows_with_suppliers():
    few, many = of_suppliers(5), of_suppliers(500)
    f1 = score(DOCUMENTS, FIELDS).of("exact").f1
    low, high = bootstrap_interval(few, FIELDS)
    narrow_low, narrow_high = bootstrap_interval(many, FIELDS)
    assert low < f1 < high
    assert narrow_low < f1 < narrow_high
    assert narrow_high - narrow_low < (high - low) / 5


def test_bootstrap_interval_is_the_same_for_the_same_seed_in_any_order():
    turned = bootstrap_interval(DOCUMENTS[::-1], FIELDS, seed=3)
    assert bootstrap_interval(DOCUMENTS, FIELDS, seed=3) == turned


def test_bootstrap_interval_is_as_wide_as_the_normal_approximation():
    halves = [
        scored({"total": "1"}, {"total": value}, document_id=str(number))
        for number, value in enumerate(("1", "2") * 200)
    ]
    expected = 1.96 * (0.5 * 0.5 / len(halves)) ** 0.5
    assert bootstrap_interval(halves, ["total"]) == pytest.approx((0.5 - expected, 0.5 + expected), abs=0.01)


def test_documents_of_a_supplier_are_drawn_together():
    def half_right(suppliers: int) -> list[Scored]:
        return [
            scored(
                {"company": f"S{n % suppliers}", "total": "1"},
                {"total": str(1 + n % suppliers % 2)},
                document_id=str(n),
            )
            for n in range(200)
        ]

    few, many = (bootstrap_interval(half_right(suppliers), ["total"]) for suppliers in (20, 200))
    assert few[1] - few[0] > 2.5 * (many[1] - many[0])
    assert few[0] < 0.5 < few[1]


@pytest.mark.parametrize("documents", [[], DOCUMENTS[3:]])
def test_bootstrap_interval_without_held_out_documents(documents):
    assert bootstrap_interval(documents, FIELDS) == (0.0, 0.0)


def reader(*right: int) -> list[Scored]:
    """Reads one field of 100 documents, right in those of the given numbers."""
    return [
        scored({"total": "1"}, {"total": "1" if number in right else "2"}, document_id=str(number))
        for number in range(100)
    ]


NAMES = [str(number) for number in range(100)]
GAINS = [
    # why                              first        second                       beyond noise
    ("the same reader", range(60), range(60), False),
    ("one more right", range(60), range(61), False),
    ("ten more right, none less", range(60), range(70), True),
    ("ten more right, as many less", range(60), range(10, 70), False),
    ("as many more and less, but for five", range(60), range(25, 90), False),
    ("worse", range(70), range(60), False),
]


@pytest.mark.parametrize(
    ("first", "second", "beyond"), [each[1:] for each in GAINS], ids=[e[0] for e in GAINS]
)
def test_a_gain_is_beyond_noise_when_the_same_documents_show_it(first, second, beyond):
    found = paired_difference(reader(*first), reader(*second), ["total"], NAMES)
    assert found.gain == pytest.approx((len(second) - len(first)) / 100)
    assert found.low <= found.gain <= found.high
    assert found.is_beyond_noise is beyond


def test_the_interval_of_a_gain_is_as_wide_as_the_normal_approximation():
    found = paired_difference(reader(*range(50)), reader(*range(20, 80)), ["total"], NAMES)
    # 20 documents lost and 30 won: the variance of the mean of -1, 0 and 1.
    width = 1.96 * ((50 / 100 - 0.1**2) / 100) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.1 - width, 0.1 + width), abs=0.02)


def test_only_the_named_documents_count():
    found = paired_difference(reader(*range(50)), reader(*range(50, 100)), ["total"], NAMES[50:])
    assert (found.documents, found.gain, found.is_beyond_noise) == (50, 1.0, True)


def test_without_documents_nothing_is_beyond_noise():
    assert paired_difference(reader(), reader(*range(100)), ["total"], []) == Difference(0, 0.0, 0.0, 0.0)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from invoicelake import config
from invoicelake.trust.acceptance import FieldRule, HeldOut, Reason, field_reason, field_rules
from invoicelake.trust.calibration import Calibration
from invoicelake.trust.record import FILE_NAME, TrustError, TrustRecord

SETTINGS = config.Accept(max_error=0.05)
ALONE = [f"supplier {k}" for k in range(500)]
GOOD = HeldOut([0.9] * 400 + [0.4] * 100, [True] * 400 + [False] * 50 + [True] * 50, ALONE)
FEW = HeldOut([0.9] * 40, [True] * 40, ALONE[:40])
BAD = HeldOut([0.9] * 400, [True, False] * 200, ALONE[:400])
HELD_OUT = {"total": GOOD, "date": FEW, "company": BAD}
SHARES = sorted(k / 1000 for k in range(500))
LIKE = {name: known.scores for name, known in HELD_OUT.items()}


def rules(
    batch: dict[str, list[float]] | None = None, shares: list[float] | None = None
) -> dict[str, FieldRule]:
    return field_rules(
        HELD_OUT, SHARES, LIKE if batch is None else batch, SHARES if shares is None else shares, SETTINGS
    )


REASONS = [
    # why                        field, value, score, unknown, failed                     reason
    ("sure", "total", "9.00", 0.9, 0.1, (), Reason.BOUND_HOLDS),
    ("as low as the cut", "total", "9.00", 0.4, 0.1, (), Reason.SCORE_TOO_LOW),
    ("not found", "total", None, 0.0, 0.1, (), Reason.NOT_FOUND),
    (
        "sure, but does not add up",
        "total",
        "9.00",
        0.9,
        0.1,
        ("total_does_not_add_up",),
        "total_does_not_add_up",
    ),
    ("sure, of words nobody knew", "total", "9.00", 0.9, 0.9, (), Reason.UNLIKE_HELD_OUT),
    ("too few held out", "date", "1.1.2024", 0.9, 0.1, (), Reason.TOO_FEW_HELD_OUT),
    ("wrong too often", "company", "ACME", 0.9, 0.1, (), Reason.NO_BOUND),
    ("never held to any", "address", "HERE", 0.9, 0.1, (), Reason.NOT_CALIBRATED),
]


@pytest.mark.parametrize(
    ("name", "value", "score", "unknown", "failed", "reason"),
    [c[1:] for c in REASONS],
    ids=[c[0] for c in REASONS],
)
def test_reason(
    name: str, value: str | None, score: float, unknown: float, failed: tuple[str, ...], reason: str
) -> None:
    assert field_reason(value, score, unknown, failed, rules().get(name), SHARES, SETTINGS) == reason


def test_a_batch_of_worse_scores_is_accepted_less_and_says_why() -> None:
    worse = rules({"total": [0.9] * 200 + [0.4] * 300})["total"]
    assert worse.excess > 0.2
    assert worse.reason(0.9) is Reason.SHIFTED
    assert worse.unshifted == rules()["total"].cut


def test_a_batch_of_strange_words_is_accepted_less_in_every_field() -> None:
    found = rules(shares=[0.8] * 500)
    assert found["total"].excess > 0.8
    assert not any(rule.cut.accepts(1.0) for rule in found.values())


def test_suppliers_that_err_together_are_accepted_less_where_new_ones_come() -> None:
    is_right = [number % 50 > 0 for number in range(50) for _ in range(10)]
    together = HeldOut(
        [0.9] * 500, is_right, [f"supplier {number}" for number in range(50) for _ in range(10)]
    )
    likely = SETTINGS.model_copy(update={"new_suppliers": True})
    found = [
        field_rules({"total": together}, SHARES, {}, SHARES, each)["total"].cut for each in (SETTINGS, likely)
    ]
    assert found[0].accepted == 500
    assert found[1].accepted == 0
    assert found[1].needed > 500


def test_nothing_allowed_nothing_accepted() -> None:
    strict = config.Accept(max_error=0.0)
    found = field_rules(HELD_OUT, SHARES, LIKE, SHARES, strict)
    assert not any(rule.cut.accepts(1.0) for rule in found.values())


RECORD = TrustRecord("extractor", 3, {"total": Calibration("platt", (1.0, 1.0, 0.5), 163)}, (0.1, 0.2))


def test_record_is_kept(tmp_path: Path) -> None:
    assert TrustRecord.load(tmp_path, "extractor", 3) is None
    RECORD.save(tmp_path)
    assert TrustRecord.load(tmp_path, "extractor", 3) == RECORD


@pytest.mark.parametrize(
    ("changes", "version", "told"),
    [
        ({}, 4, "is of extractor version 3"),
        ({"form": 2}, 3, "form 2; expected extractor version 3, form 1"),
        (
            {"calibrations": {"total": {"method": "pickle", "values": [], "fitted_on": 1}}},
            3,
            "no calibration",
        ),
        ({"unknown_shares": None}, 3, "no readable record"),
        ({"calibrations": []}, 3, "no readable record"),
    ],
)
def test_a_record_of_something_else_is_refused(
    changes: dict[str, object], version: int, told: str, tmp_path: Path
) -> None:
    file = RECORD.save(tmp_path)
    assert file.name == FILE_NAME
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(TrustError, match=told):
        TrustRecord.load(tmp_path, "extractor", version)

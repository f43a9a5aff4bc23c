from __future__ import annotations

import pytest

from invoicelake.training.folds import Fold, LabelledDocument, frozen_folds

DOCUMENTS = [LabelledDocument(f"{number:03d}", f"S{number % 37}", (), {}) for number in range(200)]


@pytest.fixture(scope="module")
def folds() -> tuple[Fold, ...]:
    return frozen_folds(DOCUMENTS, seed=0)


def test_each_document_is_scored_once_by_supplier(folds: tuple[Fold, ...]) -> None:
    scored = [each.document_id for fold in folds[:-1] for each in fold.test]
    assert sorted(scored) == [each.document_id for each in DOCUMENTS]
    for fold in folds:
        assert len(fold.train) + len(fold.test) == len(DOCUMENTS)


def test_no_supplier_is_on_both_sides(folds: tuple[Fold, ...]) -> None:
    for fold in folds[:-1]:
        assert not fold.train_suppliers & {each.supplier for each in fold.test}


def test_at_random_suppliers_are_on_both_sides(folds: tuple[Fold, ...]) -> None:
    assert folds[-1].name == "random"
    assert folds[-1].train_suppliers & {each.supplier for each in folds[-1].test}
    assert 20 <= len(folds[-1].test) <= 60


def test_folds_stay_when_documents_are_added_or_come_in_another_order(folds: tuple[Fold, ...]) -> None:
    more = frozen_folds([*DOCUMENTS[::-1], LabelledDocument("new", "S99", (), {})], seed=0)
    for before, after in zip(folds, more, strict=True):
        assert [each for each in after.test if each.document_id != "new"] == list(before.test)


def test_another_seed_gives_other_folds(folds: tuple[Fold, ...]) -> None:
    assert frozen_folds(DOCUMENTS, seed=1) != folds

"""Frozen divisions of labelled documents into those a model learns from and those it is scored on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from invoicelake.text.document import Line, LineItem

SUPPLIER_FOLDS = 5
RANDOM = "random"
_HASH_DIGITS = 15


@dataclass(frozen=True)
class LabelledDocument:
    """A document and what annotators said of it.

    Attributes:
        document_id: names it.
        supplier: who wrote it; the document's own name where that is not known.
        lines: of its text.
        labels: field name to value.
        label_lines: field name to the lines that its value stands in, where that is known.
        line_items: as annotated.
    """

    document_id: str
    supplier: str
    lines: Sequence[Line]
    labels: Mapping[str, str]
    label_lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    line_items: tuple[LineItem, ...] = ()


@dataclass(frozen=True)
class Fold:
    """Documents to learn from, and others to be scored on, each in the order of their names."""

    name: str
    train: tuple[LabelledDocument, ...]
    test: tuple[LabelledDocument, ...]

    @property
    def train_suppliers(self) -> frozenset[str]:
        """Suppliers of the documents to learn from."""
        return frozenset(document.supplier for document in self.train)


def frozen_folds(documents: Sequence[LabelledDocument], seed: int) -> tuple[Fold, ...]:
    """Five folds without a supplier on both sides, `supplier_0` to `supplier_4`, then one drawn at `random`.

    A fold is a hash of the supplier or of the document, so it stays as it is when documents are added.
    """
    ordered = sorted(documents, key=lambda document: document.document_id)
    folds = [
        _fold(f"supplier_{number}", ordered, [_drawn(seed, each.supplier) == number for each in ordered])
        for number in range(SUPPLIER_FOLDS)
    ]
    at_random = [_drawn(seed, each.document_id) == 0 for each in ordered]
    return (*folds, _fold(RANDOM, ordered, at_random))


def _drawn(seed: int, key: str) -> int:
    digest = hashlib.sha256(f"fold:{seed}:{key}".encode()).hexdigest()
    return int(digest[:_HASH_DIGITS], 16) % SUPPLIER_FOLDS


def _fold(name: str, documents: Sequence[LabelledDocument], is_test: Sequence[bool]) -> Fold:
    pairs = list(zip(documents, is_test, strict=True))
    return Fold(
        name,
        tuple(document for document, held_out in pairs if not held_out),
        tuple(document for document, held_out in pairs if held_out),
    )

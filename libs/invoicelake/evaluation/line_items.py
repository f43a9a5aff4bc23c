"""How well line items are read: those of a document are paired first, so that each counts once.

The pairing is the one with the most parts alike (Kuhn, The Hungarian method for the assignment problem, Naval
Research Logistics Quarterly 2, 1955). A missing item is not held against those after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import fuzz
from scipy.optimize import linear_sum_assignment

from invoicelake.evaluation.metrics import NORMALISATIONS, Counts

PARTS = ("description", "quantity", "unit_price", "amount")
WHOLE = "item"
"""Name under which items are counted that are right in all their parts."""
Item = Mapping[str, str | None]
_OF_LIKENESS = 1e-3


@dataclass(frozen=True)
class DocumentItems:
    """The line items of a document: part to text, None where there is none; as annotated and as read."""

    truths: Sequence[Item]
    read: Sequence[Item]


def item_counts(documents: Iterable[DocumentItems], normalisation: str = "exact") -> dict[str, Counts]:
    """Predicted, labelled and right values of each part, and of whole items (`WHOLE`), over the documents."""
    counts = dict.fromkeys((*PARTS, WHOLE), Counts())
    for document in documents:
        pairs = paired(document.truths, document.read, normalisation)
        for name, found in _counted(document, pairs, normalisation).items():
            counts[name] += found
    return counts


def paired(truths: Sequence[Item], read: Sequence[Item], normalisation: str) -> list[tuple[int, int]]:
    """Numbers of an annotated and a read item each, so that as many parts as can be are alike."""
    if not truths or not read:
        return []
    normalised = [[_normalised(item, normalisation) for item in items] for items in (truths, read)]
    gains = np.array([[_likeness(truth, other) for other in normalised[1]] for truth in normalised[0]])
    rows, columns = linear_sum_assignment(gains, maximize=True)
    return [
        (row, column)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if gains[row, column]
    ]


def _counted(
    document: DocumentItems, pairs: Sequence[tuple[int, int]], normalisation: str
) -> dict[str, Counts]:
    truths = [_normalised(item, normalisation) for item in document.truths]
    read = [_normalised(item, normalisation) for item in document.read]
    whole = sum(truths[row] == read[column] for row, column in pairs)
    counts = {WHOLE: Counts(len(read), len(truths), whole)}
    for part in PARTS:
        right = sum(
            bool(truths[row][part]) and truths[row][part] == read[column][part] for row, column in pairs
        )
        predicted, labelled = (sum(bool(item[part]) for item in items) for items in (read, truths))
        counts[part] = Counts(predicted, labelled, right)
    return counts


def _normalised(item: Item, normalisation: str) -> dict[str, str]:
    return {part: NORMALISATIONS[normalisation](item.get(part) or "") for part in PARTS}


def _likeness(truth: Mapping[str, str], read: Mapping[str, str]) -> float:
    """How many parts are the same; of two items with as many, the one with the more alike description."""
    same = sum(bool(truth[part]) and truth[part] == read[part] for part in PARTS)
    return same + _OF_LIKENESS * fuzz.ratio(truth["description"], read["description"]) / 100

"""How far scores and their differences would move with other documents like these: bootstrap over documents.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 (percentile intervals) and 16; two
readers of the same documents are compared on the same draws, as in Koehn, Statistical Significance Tests for
Machine Translation Evaluation, EMNLP 2004, section 4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invoicelake.evaluation.metrics import HELD_OUT, Counts, Scored, compared

_DRAWS = 2000
_SHARE = 0.95
_COUNTS = 3


@dataclass(frozen=True)
class Difference:
    """What one reader is better than another on the same documents.

    Attributes:
        documents: how many there were.
        gain: micro F1 of the second less that of the first.
        low: lower end of the interval of gains when the documents are drawn anew.
        high: upper end.
    """

    documents: int
    gain: float
    low: float
    high: float

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the second is better on nearly all draws."""
        return self.low > 0


def bootstrap_interval(
    documents: Iterable[Scored],
    fields: Sequence[str],
    normalisation: str = "exact",
    share: float = _SHARE,
    draws: int = _DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval that holds `share` of the headline F1s when the held-out documents are drawn anew.

    It says how far the score would move with other documents like these; `(0.0, 0.0)` without documents.
    """
    held_out = (document for document in documents if document.group in HELD_OUT)
    counts = [_totals(document, fields, normalisation) for document in held_out]
    return _interval(_f1(_drawn(counts, draws, seed)), share) if counts else (0.0, 0.0)


def paired_difference(
    first: Iterable[Scored],
    second: Iterable[Scored],
    fields: Sequence[str],
    documents: Collection[str],
    normalisation: str = "exact",
    share: float = _SHARE,
    draws: int = _DRAWS,
    seed: int = 0,
) -> Difference:
    """Compare two readers on the documents of the given names, which both must have read.

    The interval holds `share` of the gains when the documents are drawn anew; all zeros without documents.
    """
    parts = [_by_document(reader, fields, documents, normalisation) for reader in (first, second)]
    names = sorted(documents)
    if not names:
        return Difference(0, 0.0, 0.0, 0.0)
    counts = [(*parts[0][name], *parts[1][name]) for name in names]
    gains = _gain(_drawn(counts, draws, seed))
    (gain,) = _gain(np.array(counts).sum(axis=0, keepdims=True))
    return Difference(len(names), float(gain), *_interval(gains, share))


def _by_document(
    read: Iterable[Scored], fields: Sequence[str], documents: Collection[str], normalisation: str
) -> Mapping[str, tuple[int, ...]]:
    return {
        each.document_id: _totals(each, fields, normalisation)
        for each in read
        if each.document_id in documents
    }


def _totals(document: Scored, fields: Sequence[str], normalisation: str) -> tuple[int, ...]:
    total = sum((compared(document, name, normalisation) for name in fields), Counts())
    return total.predicted, total.truth, total.correct


def _drawn(counts: Sequence[tuple[int, ...]], draws: int, seed: int) -> NDArray[Any]:
    """Sums of the counts `(draws, C)` over documents that are drawn with replacement."""
    # Documents with the same counts are alike, so drawing kinds is drawing documents, at any number of them.
    kinds = Counter(counts)
    table = np.array(sorted(kinds), dtype=np.int64)
    weights = np.array([kinds[kind] for kind in sorted(kinds)], dtype=np.int64)
    random = np.random.default_rng(seed)
    drawn: NDArray[Any] = random.multinomial(weights.sum(), weights / weights.sum(), size=draws) @ table
    return drawn


def _f1(counts: NDArray[Any]) -> NDArray[Any]:
    """F1 `(N,)` of predicted, labelled and correct values `(N, 3)`."""
    found: NDArray[Any] = 2 * counts[:, 2] / np.maximum(counts[:, 0] + counts[:, 1], 1)
    return found


def _gain(counts: NDArray[Any]) -> NDArray[Any]:
    """What the second's F1 `(N,)` is above the first's, from the counts of both `(N, 6)`."""
    gain: NDArray[Any] = _f1(counts[:, _COUNTS:]) - _f1(counts[:, :_COUNTS])
    return gain


def _interval(values: NDArray[Any], share: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)

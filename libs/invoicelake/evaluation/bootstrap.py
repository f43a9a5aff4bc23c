"""How far scores and their differences would move with other documents like these: bootstrap over suppliers.

Documents of one supplier are right and wrong together, so suppliers are drawn with all of their documents
(cluster bootstrap; Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8); a
document without a labelled company is drawn by itself. Intervals are of percentiles (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, chapter 13); two readers of the same documents are compared on the same
draws, as in Koehn, Statistical Significance Tests for Machine Translation Evaluation, EMNLP 2004, section 4.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invoicelake.evaluation.metrics import HELD_OUT, Counts, Scored, compared, letters_and_digits

_DRAWS = 2000
_SHARE = 0.95
_COUNTS = 3
_SUPPLIER = "company"


@dataclass(frozen=True)
class Difference:
    """What one reader is better than another on the same documents.

    Attributes:
        documents: how many there were.
        gain: micro F1 of the second less that of the first.
        low: lower end of the interval of gains when the suppliers are drawn anew.
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
    """Interval that holds `share` of the headline F1s when the suppliers held out are drawn anew.

    It says how far the score would move with other documents like these; `(0.0, 0.0)` without documents.
    """
    held_out = (document for document in documents if document.group in HELD_OUT)
    counts = _by_supplier((_supplier(each), _totals(each, fields, normalisation)) for each in held_out)
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

    The interval holds `share` of the gains when the suppliers are drawn anew; all zeros without documents.
    """
    parts = [{each.document_id: each for each in reader} for reader in (first, second)]
    names = sorted(documents)
    if not names:
        return Difference(0, 0.0, 0.0, 0.0)
    counts = _by_supplier(
        (_supplier(parts[0][name]), sum((_totals(part[name], fields, normalisation) for part in parts), ()))
        for name in names
    )
    gains = _gain(_drawn(counts, draws, seed))
    (gain,) = _gain(np.array(counts).sum(axis=0, keepdims=True))
    return Difference(len(names), float(gain), *_interval(gains, share))


def _supplier(document: Scored) -> str:
    return letters_and_digits(document.truths.get(_SUPPLIER, "")).casefold() or f"/{document.document_id}"


def _by_supplier(counts: Iterable[tuple[str, tuple[int, ...]]]) -> list[tuple[int, ...]]:
    """The sum of the counts of each supplier."""
    found: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for supplier, each in counts:
        found[supplier].append(each)
    return [tuple(map(sum, zip(*each, strict=True))) for each in found.values()]


def _totals(document: Scored, fields: Sequence[str], normalisation: str) -> tuple[int, ...]:
    total = sum((compared(document, name, normalisation) for name in fields), Counts())
    return total.predicted, total.truth, total.correct


def _drawn(counts: Sequence[tuple[int, ...]], draws: int, seed: int) -> NDArray[Any]:
    """Sums of the counts `(draws, C)` over suppliers that are drawn with replacement."""
    # Suppliers with the same counts are alike, so drawing kinds is drawing suppliers, at any number of them.
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

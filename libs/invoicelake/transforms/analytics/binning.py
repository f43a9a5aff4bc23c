"""Where to cut a column into bins: four methods, each on a summary of its values.

An edge belongs to the bin above it. Two of the methods may give fewer bins than asked for, and a constant or
empty column has one bin and no edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from invoicelake.transforms.analytics.summaries import Summary

# k-means takes time with the square of the number of values; of more, neighbours are put together first.
MAX_VALUES = 2_048
Floats = NDArray[np.float64]


def equal_width(summary: Summary, bins: int) -> list[float]:
    """Inner edges of `bins` intervals of one width between the least and the greatest value."""
    if len(summary.values) < 2:
        return []
    low, high = float(summary.values[0]), float(summary.values[-1])
    return _distinct([low + (high - low) * step / bins for step in range(1, bins)], low)


def equal_frequency(summary: Summary, bins: int) -> list[float]:
    """Inner edges such that the bins hold as nearly equally many rows as whole values allow."""
    below = np.concatenate([[0], np.cumsum(summary.weights)])[:-1]
    total = int(summary.weights.sum())
    starts = [int(np.argmin(np.abs(below - total * step / bins))) for step in range(1, bins) if total]
    return [_between(summary.values, start) for start in sorted(set(starts) - {0})]


def k_means(summary: Summary, bins: int) -> list[float]:
    """Inner edges halfway between `bins` clusters with the least possible sum of squared distances.

    In one dimension the optimum is found exactly by dynamic programming over the ordered values: Wang and
    Song, "Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by Dynamic Programming", The R Journal
    3/2 (2011), pp. 29-33. No starting point is drawn, so that there is no seed.
    """
    values, weights = _compressed(summary)
    starts = _best_starts(values, weights, min(bins, len(values)))
    return [_between(values, start) for start in starts]


def minimum_description_length(summary: Summary) -> list[float]:
    """Inner edges that tell classes apart; as many as the data warrants, often none.

    Fayyad and Irani, "Multi-Interval Discretization of Continuous-Valued Attributes for Classification
    Learning", IJCAI 1993, pp. 1022-1027: cut where the classes' entropy falls most, and go on in both parts
    as long as the minimum description length principle accepts (the MDLPC criterion):
    `gain > log2(N - 1) / N + delta / N` with `delta = log2(3^k - 2) - (k E - k1 E1 - k2 E2)`, where N rows of
    k classes and entropy E are cut into parts with k1, k2 classes and entropies E1, E2.
    """
    cuts = _accepted_cuts(summary.counts.astype(np.float64), 0)
    return [_between(summary.values, cut) for cut in sorted(cuts)]


def _accepted_cuts(counts: Floats, offset: int) -> list[int]:
    """Positions before which to cut `counts`, float64 `(N, C)`, and recursively its parts."""
    if len(counts) < 2:
        return []
    left = np.cumsum(counts, axis=0)[:-1]
    right = counts.sum(axis=0) - left
    rows, whole = counts.sum(), counts.sum(axis=0, keepdims=True)
    ent, ent_left, ent_right = _entropy(whole)[0], _entropy(left), _entropy(right)
    parted = (left.sum(axis=1) * ent_left + right.sum(axis=1) * ent_right) / rows
    best = int(np.argmin(parted))
    classes = [int((part > 0).sum()) for part in (whole[0], left[best], right[best])]
    spent = classes[0] * ent - classes[1] * ent_left[best] - classes[2] * ent_right[best]
    delta = np.log2(3.0 ** classes[0] - 2) - spent
    if ent - parted[best] <= (np.log2(rows - 1) + delta) / rows:
        return []
    cut = best + 1
    above = _accepted_cuts(counts[cut:], offset + cut)
    return [*_accepted_cuts(counts[:cut], offset), offset + cut, *above]


def _entropy(counts: Floats) -> Floats:
    """Entropy in bits of each row of float64 `(N, C)`."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    entropies: Floats = -(shares * logs).sum(axis=1)
    return entropies


def _best_starts(values: Floats, weights: Floats, clusters: int) -> list[int]:
    """Where each cluster but the first begins, for the least sum of squared distances to the means."""
    if clusters < 2:
        return []
    # Around the mean the squares are small, and their differences keep their digits.
    centred = values - np.average(values, weights=weights)
    sums = [np.concatenate([[0.0], np.cumsum(weights * centred**power)]) for power in (0, 1, 2)]

    def costs(end: int, starts: NDArray[np.int64]) -> Floats:
        rows, first, second = (each[end] - each[starts] for each in sums)
        found: Floats = np.maximum(second - first**2 / rows, 0.0)
        return found

    size = len(values)
    best = np.array([0.0, *(costs(end, np.array([0]))[0] for end in range(1, size + 1))])
    begins = np.zeros((clusters, size + 1), dtype=np.int64)
    for cluster in range(1, clusters):
        # Backwards, for each place needs the shorter ones as they were with one cluster less.
        for end in range(size, cluster, -1):
            starts = np.arange(cluster, end)
            found = best[starts] + costs(end, starts)
            place = int(np.argmin(found))
            best[end], begins[cluster, end] = found[place], starts[place]
    chosen, end = [], size
    for cluster in range(clusters - 1, 0, -1):
        end = int(begins[cluster, end])
        chosen.append(end)
    return chosen[::-1]


def _compressed(summary: Summary) -> tuple[Floats, Floats]:
    """Values and weights, neighbours put together where there are too many."""
    values, weights = summary.values, summary.weights.astype(np.float64)
    if len(values) <= MAX_VALUES:
        return values, weights
    starts = np.unique(np.arange(MAX_VALUES) * len(values) // MAX_VALUES)
    together = np.add.reduceat(weights, starts)
    return np.add.reduceat(values * weights, starts) / together, together


def _between(values: Floats, start: int) -> float:
    """Halfway between a value and the one before it; the value itself where floats leave no room."""
    left, right = float(values[start - 1]), float(values[start])
    middle = left + (right - left) / 2
    return middle if left < middle else right


def _distinct(edges: list[float], low: float) -> list[float]:
    return [edge for edge in sorted(set(edges)) if edge > low]

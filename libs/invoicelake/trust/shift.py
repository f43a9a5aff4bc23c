"""Whether what is to be read is like what the model was held to.

A batch is compared with the held-out documents by one-sided two-sample Kolmogorov-Smirnov tests, one for
each measure, with Bonferroni's correction (S. Rabanser, S. Günnemann, Z. Lipton, Failing Loudly, NeurIPS
2019, pages 1396 to 1408): lower scores of a field, or more words that training did not know. A single
document is compared by its rank among the held-out ones (conformal outlier tests: S. Bates, E. Candès, L.
Lei, Y. Romano, M. Sesia, Annals of Statistics 51, 2023, pages 149 to 178).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

from scipy import stats


def excess_share(held_out: Sequence[float], batch: Sequence[float], risk: float) -> float:
    """Share of a batch that is worse than the held-out readings, beyond what chance makes of it.

    Worse is a lower value. It is the one-sided distance of the two distributions less the distance that equal
    ones exceed with probability `risk`; 0 where either is empty.
    """
    if not held_out or not batch:
        return 0.0
    distance = float(stats.ks_2samp(batch, held_out, alternative="greater", method="asymp").statistic)
    pairs = len(held_out) * len(batch) / (len(held_out) + len(batch))
    return max(0.0, distance - math.sqrt(math.log(1 / risk) / (2 * pairs)))


def is_unlike(value: float, held_out: Sequence[float], risk: float) -> bool:
    """Whether a value is larger than all but a share `risk` of the held-out ones.

    Of documents like the held-out ones at most that share is called unlike; with fewer than `1 / risk - 1`
    held-out documents none is.

    Args:
        value: of a document.
        held_out: of the held-out documents, in rising order.
        risk: share of like documents that may be called unlike.
    """
    as_large = len(held_out) - bisect_left(held_out, value)
    return (1 + as_large) / (1 + len(held_out)) <= risk

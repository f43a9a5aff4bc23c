"""How well lateness of receivables was told: days, who comes late, and how far to trust probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invoicelake.trust.reliability import Bin, expected_calibration_error, reliability

_BINS = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DelayScore:
    """Scores of a predictor on some receivables.

    Attributes:
        receivables: how many.
        late_share: the share of them that were late.
        mean_error_days: mean absolute error of the days late; None where it predicts none.
        auc: chance that a late one has a higher probability than one in time; None where there is one class.
        calibration_error: mean distance of probability and late share over ten bins, by their receivables.
        reliability: the bins that hold receivables; the share of a bin is that of late ones.
    """

    receivables: int
    late_share: float
    mean_error_days: float | None
    auc: float | None
    calibration_error: float
    reliability: tuple[Bin, ...]


def delay_score(days_late: Floats, predicted_days: Floats | None, probability: Floats) -> DelayScore:
    """Score predictions; each argument `(R,)`, and there is at least one receivable.

    Args:
        days_late: as it was, 0 if in time.
        predicted_days: what was expected; None where nothing was.
        probability: of being late.
    """
    from sklearn.metrics import roc_auc_score

    is_late = days_late > 0
    error = None if predicted_days is None else float(np.abs(predicted_days - days_late).mean())
    return DelayScore(
        receivables=len(days_late),
        late_share=float(is_late.mean()),
        mean_error_days=error,
        auc=float(roc_auc_score(is_late, probability)) if len(set(is_late)) > 1 else None,
        calibration_error=float(expected_calibration_error(probability, is_late.tolist(), _BINS)),
        reliability=tuple(reliability(probability, is_late.tolist(), _BINS)),
    )

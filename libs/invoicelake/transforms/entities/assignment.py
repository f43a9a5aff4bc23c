"""Documents and ledger entries of one amount, one to one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

LINK_COLUMNS = ["document_id", "status", "ledger_source", "entry_id", "score", "days_after", "why"]


def assigned(candidates: pd.DataFrame, link_score: float) -> pd.DataFrame:
    """The best entry of each document, no entry twice, so that the scores together are highest.

    Args:
        candidates: one row per document and entry: `document_id`, `ledger_source`, `entry_id`, `score`,
            `days_after`, `why`.
        link_score: pairs that score lower are not linked.

    Returns:
        `LINK_COLUMNS`, one row per document; of one that is not linked score and why of its best candidate.
    """
    order = ["document_id", "score", "days_after", "ledger_source", "entry_id"]
    ordered = candidates.sort_values(order, ascending=[True, False, True, True, True], ignore_index=True)
    documents, document_of = np.unique(ordered["document_id"], return_inverse=True)
    names = ordered["ledger_source"] + "\u001f" + ordered["entry_id"]
    entries, entry_of = np.unique(names, return_inverse=True)
    gain = np.zeros((len(documents), len(entries)))
    likely = ordered["score"] >= link_score
    gain[document_of[likely], entry_of[likely]] = ordered["score"][likely]
    chosen = dict(zip(*linear_sum_assignment(gain, maximize=True), strict=True))
    is_best = [chosen.get(one) == other for one, other in zip(document_of, entry_of, strict=True)]
    is_chosen = likely & np.array(is_best)
    linked = ordered[is_chosen].assign(status="linked")
    best = ordered[~ordered["document_id"].isin(linked["document_id"])].drop_duplicates("document_id")
    status = np.where(best["score"] >= link_score, "taken", "unlikely")
    left_over = best.assign(status=status, ledger_source=None, entry_id=None, days_after=None)
    return pd.concat([linked, left_over])[LINK_COLUMNS]

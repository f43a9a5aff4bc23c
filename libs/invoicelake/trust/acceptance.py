"""Which fields of which documents are accepted, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from invoicelake import config
from invoicelake.trust.bounds import Cut, chosen_cut, design_effect
from invoicelake.trust.shift import excess_share, is_unlike


class Reason(StrEnum):
    """Why a field is accepted or not; a check that failed gives its own reason."""

    CORRECTED = "corrected"
    BOUND_HOLDS = "bound_holds"
    NOT_FOUND = "not_found"
    NOT_CALIBRATED = "not_calibrated"
    TOO_FEW_HELD_OUT = "too_few_held_out"
    NO_BOUND = "no_bound"
    SHIFTED = "shifted"
    UNLIKE_HELD_OUT = "unlike_held_out"
    SCORE_TOO_LOW = "score_too_low"


@dataclass(frozen=True)
class HeldOut:
    """What was read of one field in held-out documents: scores, whether each value was right, suppliers."""

    scores: Sequence[float]
    is_right: Sequence[bool]
    suppliers: Sequence[str]


@dataclass(frozen=True)
class FieldRule:
    """What of a field is accepted.

    Attributes:
        cut: the readings that are accepted.
        unshifted: those that would be, were the batch like the held-out documents.
        excess: share of the batch that is unlike them.
    """

    cut: Cut
    unshifted: Cut
    excess: float

    def reason(self, score: float) -> Reason:
        """Why a reading of this score is accepted or not, as far as its score tells."""
        if self.cut.accepts(score):
            return Reason.BOUND_HOLDS
        if self.unshifted.accepts(score):
            return Reason.SHIFTED
        if self.unshifted.above is not None:
            return Reason.SCORE_TOO_LOW
        is_few = self.unshifted.held_out < self.unshifted.needed
        return Reason.TOO_FEW_HELD_OUT if is_few else Reason.NO_BOUND


def field_rules(
    held_out: Mapping[str, HeldOut],
    unknown_shares: Sequence[float],
    batch_scores: Mapping[str, Sequence[float]],
    batch_unknown_shares: Sequence[float],
    settings: config.Accept,
) -> dict[str, FieldRule]:
    """What of each field is accepted in a batch.

    Args:
        held_out: by field.
        unknown_shares: of the held-out documents, the share of words that training did not know.
        batch_scores: by field, of what was found in the batch.
        batch_unknown_shares: of its documents.
        settings: what is asked for.
    """
    risk = settings.shift_risk / (1 + len(held_out))
    # Lower is worse for a score, and higher for unknown words.
    text = excess_share(
        [-share for share in unknown_shares], [-share for share in batch_unknown_shares], risk
    )
    rules = {}
    for name, known in held_out.items():
        excess = max(text, excess_share(known.scores, batch_scores.get(name, ()), risk))
        effect = design_effect(known.is_right, known.suppliers) if settings.new_suppliers else 1.0
        asked = settings.max_error, settings.confidence
        cuts = [chosen_cut(known.scores, known.is_right, *asked, effect, share) for share in (excess, 0.0)]
        rules[name] = FieldRule(cuts[0], cuts[1], excess)
    return rules


def field_reason(
    value: str | None,
    score: float,
    unknown_share: float,
    failed: Sequence[str],
    rule: FieldRule | None,
    unknown_shares: Sequence[float],
    settings: config.Accept,
) -> str:
    """Why a field of a document is accepted (`bound_holds`), or not (anything else).

    Args:
        value: as read; None: nothing was found.
        score: of the reading.
        unknown_share: of the document's words, those that training did not know.
        failed: reasons of the checks that the document's invoice fails.
        rule: of the field; None where no held-out document had it.
        unknown_shares: of the held-out documents, in rising order.
        settings: what is asked for.
    """
    if value is None:
        return Reason.NOT_FOUND
    if failed:
        return failed[0]
    if rule is None:
        return Reason.NOT_CALIBRATED
    if is_unlike(unknown_share, unknown_shares, settings.shift_risk):
        return Reason.UNLIKE_HELD_OUT
    return rule.reason(score)

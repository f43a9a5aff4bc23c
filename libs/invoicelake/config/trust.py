"""Settings of what is believed of what a model read."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field as Setting

from invoicelake.config.section import Section

Comparison = Literal["meaning", "exact", "nospace", "alnum"]


class Accept(Section):
    """Which readings are accepted without a person."""

    max_error: float = Setting(
        default=0.05, ge=0, lt=1, description="Share of a field's accepted values that may be wrong"
    )
    confidence: float = Setting(
        default=0.95, gt=0.5, lt=1, description="How sure it is that fewer are wrong than that"
    )
    new_suppliers: bool = Setting(
        default=False,
        description="Whether the promise is for suppliers drawn anew, whose documents err together",
    )
    comparison: Comparison = Setting(
        default="meaning",
        description="When a value counts as right: meaning (the same amount, day or letters), exact, nospace "
        "or alnum",
    )
    shift_risk: float = Setting(
        default=0.01, gt=0, lt=0.5, description="Chance of taking documents like the held-out ones for others"
    )
    review_tool: str = Setting(
        default="review", description="Name, as tool of annotations, of what review items are corrected with"
    )


class InvoiceChecks(Section):
    """What must hold of an invoice's values, whatever the model thinks of them."""

    as_of: date | None = Setting(
        default=None, description="Day after which no invoice can be dated; none: not checked"
    )
    rounding_minor: int = Setting(
        default=2, ge=0, description="Minor units by which a total may differ where its rounding is not read"
    )
    max_tax_rate: float = Setting(
        default=0.3, gt=0, description="Largest share of the net amount that is tax"
    )

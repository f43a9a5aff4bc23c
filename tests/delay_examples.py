"""Made-up receivables, and an encoding of them, for tests of payment delay."""

from __future__ import annotations

from typing import Any

import numpy as np

from invoicelake.models.delay_encoding import (
    CATEGORIES,
    CUSTOMER,
    NUMBERS,
    Category,
    DelayEncoding,
    ScaledNumber,
)

VALUES = {
    "country": ("818", "897"),
    "currency": ("EUR",),
    "invoice_weekday": tuple("1234567"),
    "invoice_month": tuple(map(str, range(1, 13))),
    "is_paperless": ("false", "true"),
}


def encoding() -> DelayEncoding:
    """Every number has mean 10 and deviation 4, and the edges 5 and 20."""
    return DelayEncoding(
        tuple(ScaledNumber(name, 10.0, 4.0, (5.0, 20.0)) for name in NUMBERS),
        tuple(Category(name, VALUES[name]) for name in CATEGORIES),
        Category(CUSTOMER, ("C1", "C2", "C3")),
    )


def columns(rows: int) -> dict[str, list[Any]]:
    """Inputs of so many receivables, a tenth of the numbers null."""
    random = np.random.default_rng(0)
    found: dict[str, list[Any]] = {
        name: [None if random.random() < 0.1 else float(random.uniform(0, 25)) for _ in range(rows)]
        for name in NUMBERS
    }
    found |= {name: [random.choice(VALUES[name]) for _ in range(rows)] for name in CATEGORIES}
    found["customer_late_share"] = random.uniform(0, 25, rows).tolist()
    return found | {CUSTOMER: [f"C{number % 5}" for number in range(rows)]}

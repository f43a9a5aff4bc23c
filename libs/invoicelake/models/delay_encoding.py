"""What is known of a receivable to tensors: numbers scaled and in bins, categories numbered. NumPy alone, so
that training, batches and a server do the very same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from invoicelake.models.encoding import TensorSpec

# Of gold.payment_delay_example.
NUMBERS = (
    "amount_minor",
    "terms_days",
    "customer_invoices",
    "customer_settled",
    "customer_mean_days_late",
    "customer_most_days_late",
    "customer_late_share",
    "customer_mean_days_to_settle",
    "customer_disputed_share",
    "customer_last_days_late",
    "customer_days_since_invoice",
    "customer_open",
    "customer_open_minor",
    "customer_overdue",
    "customer_overdue_minor",
    "customer_mean_days_overdue",
    "country_invoices",
    "country_settled",
    "country_mean_days_late",
    "country_late_share",
    "country_mean_days_to_settle",
)
CATEGORIES = ("country", "currency", "invoice_weekday", "invoice_month", "is_paperless")
CUSTOMER = "customer_id"
INPUTS = (*NUMBERS, *CATEGORIES, CUSTOMER)
# Amounts and counts differ by orders of magnitude.
LOGGED = frozenset(name for name in NUMBERS if name.endswith(("_minor", "_invoices", "_settled")))
BINS = (*NUMBERS, *CATEGORIES)
DAYS_SCALE = 10.0
"""Days of error that count as much as a log loss of 1."""
_WIDEST = 4.0

TENSORS = (
    TensorSpec("numbers", "<f4", (len(NUMBERS),)),
    TensorSpec("bins", "<u2", (len(BINS),)),
    TensorSpec("customer", "<i4", (1,)),
)
LABELS = TensorSpec("labels", "<f4", (2,))


@dataclass(frozen=True)
class ScaledNumber:
    """A number as training saw it; mean and deviation are of its logarithm if it is in `LOGGED`.

    Attributes:
        edges: of its bins, ascending; an edge belongs to the bin above it.
    """

    name: str
    mean: float
    deviation: float
    edges: tuple[float, ...]


@dataclass(frozen=True)
class Category:
    """Values that have a number of their own, the most frequent first; all others are 0."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class DelayEncoding:
    """All that was fitted to the receivables of the training split.

    Attributes:
        numbers: in the order of `NUMBERS`.
        categories: in the order of `CATEGORIES`.
        customers: those known by name.
    """

    numbers: tuple[ScaledNumber, ...]
    categories: tuple[Category, ...]
    customers: Category

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each of `BINS` can have: 0 for null or unknown, then its bins or categories."""
        return (
            *(len(each.edges) + 2 for each in self.numbers),
            *(len(each.values) + 1 for each in self.categories),
        )

    @property
    def identifier(self) -> str:
        """SHA-256, in hex, of all of it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def encode(self, columns: Mapping[str, Sequence[Any]]) -> dict[str, NDArray[Any]]:
        """The tensors of some receivables, without labels; each `(R, ...)`.

        Args:
            columns: the values of each of `INPUTS`, as in gold.payment_delay_example; None is null.
        """
        values = {each.name: _floats(columns[each.name]) for each in self.numbers}
        scaled = [_scaled(values[each.name], each) for each in self.numbers]
        bins = [_binned(values[each.name], each.edges) for each in self.numbers]
        bins += [_numbered(columns[each.name], each) for each in self.categories]
        return {
            "numbers": np.stack(scaled, axis=1).astype("<f4"),
            "bins": np.stack(bins, axis=1).astype("<u2"),
            "customer": _numbered(columns[CUSTOMER], self.customers)[:, None].astype("<i4"),
        }

    def to_json(self) -> str:
        """All of it as text, for `from_json`."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> DelayEncoding:
        """What `to_json` wrote.

        Raises:
            ValueError: it is of another form.
        """
        stored = json.loads(text)
        try:
            return DelayEncoding(
                tuple(ScaledNumber(**each | {"edges": tuple(each["edges"])}) for each in stored["numbers"]),
                tuple(_category(each) for each in stored["categories"]),
                _category(stored["customers"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"no encoding of receivables: {error}") from error


def logged(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`sign(x) ln(1 + |x|)`."""
    found: NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values))
    return found


def as_text(value: object) -> str | None:
    """A category as `Category` has it."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _category(stored: Mapping[str, Any]) -> Category:
    return Category(str(stored["name"]), tuple(stored["values"]))


def _floats(values: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)


def _scaled(values: NDArray[np.float64], number: ScaledNumber) -> NDArray[np.float64]:
    """Deviations from the mean, 0 for null; far ones are cut, as training has seen few of them."""
    found = logged(values) if number.name in LOGGED else values
    deviations = (found - number.mean) / (number.deviation or 1.0)
    return np.nan_to_num(np.clip(deviations, -_WIDEST, _WIDEST), nan=0.0)


def _binned(values: NDArray[np.float64], edges: Sequence[float]) -> NDArray[np.int64]:
    return np.where(np.isnan(values), 0, 1 + np.searchsorted(np.array(edges), values, side="right"))


def _numbered(values: Sequence[Any], category: Category) -> NDArray[np.int64]:
    numbers = {text: number for number, text in enumerate(category.values, start=1)}
    return np.array([numbers.get(as_text(value) or "", 0) for value in values], dtype=np.int64)

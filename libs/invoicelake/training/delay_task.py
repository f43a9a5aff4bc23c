"""The task of telling how late a receivable is settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invoicelake import config
from invoicelake.models.delay_encoding import LABELS, TENSORS, DelayEncoding
from invoicelake.training.layout import Layout
from invoicelake.training.task import Criterion

if TYPE_CHECKING:
    from invoicelake.models.sharded import Exchange

# What of the settings shapes the model or its loss; training has the rest in settings of its own.
_SHAPING = {
    "bins", "min_receivables", "embedding_width", "customer_width", "width", "depth", "dropout", "decay",
    "days_weight",
}  # fmt: skip


@dataclass(frozen=True)
class DelayTask:
    """The model of payment delay, learnt from gold.payment_delay_tensor.

    Attributes:
        model: the network's shape.
        encoding: that the rows were encoded with.
    """

    model: config.DelayModel
    encoding: DelayEncoding

    @property
    def layout(self) -> Layout:
        """Rows of fixed size."""
        return Layout((*TENSORS, LABELS), target=LABELS.name, key="invoice_number")

    @property
    def criterion(self) -> Criterion:
        """The loss, which counts both days and being late."""
        return Criterion("loss", is_higher_better=False)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Settings and encoding."""
        return {"model": self.model.model_dump(include=_SHAPING), "encoding": self.encoding.identifier}

    def build(self, exchange: Exchange) -> Any:
        """The wide and deep model; nothing in it is sharded."""
        from invoicelake.models.delay import wide_and_deep

        return wide_and_deep(self.model, self.encoding.sizes, len(self.encoding.customers.values))

    def compile(self, model: Any, optimizer: Any) -> None:
        """Set loss and metrics of payment delay."""
        from invoicelake.models.delay import compile_delay

        compile_delay(model, optimizer, self.model.days_weight)

"""What is trained, apart from how: a task builds its model, knows its rows, and says which epoch is best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from invoicelake.training.layout import Layout

if TYPE_CHECKING:
    from invoicelake.models.sharded import Exchange


@dataclass(frozen=True)
class Criterion:
    """The metric by which the best epoch is chosen.

    Attributes:
        metric: its name, as the model reports it.
        is_higher_better: whether a higher value is better.
    """

    metric: str
    is_higher_better: bool

    def score(self, metrics: Mapping[str, float]) -> float:
        """What an epoch is worth, the higher the better; without validation rows, minus the training loss.

        Args:
            metrics: of the epoch, those of validation with `val_` before their names.
        """
        value = metrics.get(f"val_{self.metric}")
        if value is None:
            return -metrics["loss"]
        return value if self.is_higher_better else -value


class Task(Protocol):
    """What is trained; it travels to ranks with the job."""

    @property
    def layout(self) -> Layout:
        """Which columns of the training table are what."""
        ...

    @property
    def criterion(self) -> Criterion:
        """Which epoch is the best one."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """All that decides what is built and learnt besides rows, training settings, seed and code; JSON."""
        ...

    def build(self, exchange: Exchange) -> Any:
        """The `keras.Model`, with new weights.

        Args:
            exchange: for sharded embeddings, as of `Rank.exchange`.
        """
        ...

    def compile(self, model: Any, optimizer: Any) -> None:
        """Set loss and metrics of a model of this task; variables of its metrics must be sums over rows."""
        ...

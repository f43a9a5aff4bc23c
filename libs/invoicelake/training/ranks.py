"""A rank: one of the processes that train together, as the training loop sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from numpy.typing import NDArray

from invoicelake.errors import JobError

if TYPE_CHECKING:
    from invoicelake.training.job import TrainingJob
    from invoicelake.training.trainer import Trainer

T = TypeVar("T")
Event = Mapping[str, Any]
Listener = Callable[[Event], None]
_REPORT_EVERY_S = 0.5


class Rank:
    """A rank that is alone; launchers with several have their own.

    Args:
        listener: takes the events that the chief reports: `{"event": "step", "epoch", "step", "steps"}` and
            `{"event": "epoch", "epoch", "epochs", "metrics"}`.
    """

    index = 0
    size = 1

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._reported_at = 0.0

    @property
    def is_chief(self) -> bool:
        """Whether this rank is the one that keeps checkpoints and reports."""
        return self.index == 0

    def wrap(self, optimizer: Any) -> Any:
        """The optimizer, made to average gradients over all ranks."""
        return optimizer

    def share_state(self, model: Any) -> None:
        """Give all ranks the chief's weights and optimizer state."""

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum over all ranks."""
        return values

    def agreed(self, value: float) -> float:
        """The chief's value."""
        return value

    def trainer(self, job: TrainingJob, model: Any) -> Trainer:
        """What trains and validates the compiled model."""
        from invoicelake.training.trainer import Trainer

        return Trainer(job, model, self)

    def report(self, event: Event) -> None:
        """Tell the driver, if this is the chief."""
        if self.is_chief and self._listener is not None:
            self._listener(event)

    def report_step(self, epoch: int, step: int, steps: int) -> None:
        """Tell the driver how far the epoch is, now and then."""
        now = time.monotonic()
        if step == steps or now - self._reported_at >= _REPORT_EVERY_S:
            self._reported_at = now
            self.report({"event": "step", "epoch": epoch, "step": step, "steps": steps})


class Launcher(Protocol):
    """Runs a function as so many ranks."""

    def train(self, function: Callable[[Rank], T], processes: int) -> list[T]:
        """Run `function` once for each rank; return what each gave, in the order of ranks.

        Raises:
            RankFailed: a rank ended with an error; the others have been ended, too.
        """
        ...


class RankFailed(JobError):
    """A rank ended with an error, or was ended; training goes on from its last checkpoint when run again."""

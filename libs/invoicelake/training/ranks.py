"""A rank: one of the processes that train together, as the training loop sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from invoicelake.errors import JobError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from invoicelake.models.sharded import Exchange
    from invoicelake.training.job import TrainingJob
    from invoicelake.training.trainer import Trainer

T = TypeVar("T")
Event = Mapping[str, Any]
Listener = Callable[[Event], None]
_REPORT_EVERY_S = 0.5


class Rank:
    """A rank that is alone; launchers with several have their own.

    Args:
        listener: takes the events that the chief reports: `{"event": "device", "device"}`,
            `{"event": "step", "epoch", "step", "steps"}`, `{"event": "checkpoint", "epoch", "step"}`,
            `{"event": "resumed", "ranks", "epoch", "step"}` and
            `{"event": "epoch", "epoch", "epochs", "metrics"}`; only in the last are epochs counted from 1.

    Attributes:
        moves: counts what this rank got done; who stays at one number hangs.
        is_preparing: whether what this rank does may take long, such as compiling a step.
    """

    index = 0
    size = 1

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._reported_at = 0.0
        self.moves = 0
        self.is_preparing = True

    @property
    def is_chief(self) -> bool:
        """Whether this rank is the one that keeps checkpoints and reports."""
        return self.index == 0

    @property
    def exchange(self) -> Exchange:
        """What hands rows of sharded embeddings from rank to rank."""
        from invoicelake.models.sharded import Alone

        return Alone()

    def wrap(self, optimizer: Any, sharded: Sequence[Any] = (), is_dense: bool = False) -> Any:
        """The optimizer, made to average gradients over all ranks.

        Args:
            optimizer: not yet built.
            sharded: weights of which each rank has a part of its own, from `sharded_variables`. Their
                gradients hold the sum over ranks already; norms for clipping are over the parts of all ranks.
            is_dense: whether gradients of embeddings are exchanged as tensors of the table's size, and all
                gradients at once; as rows, one for each id, they are larger where tables are small, the more
                ranks the more so. Heeded where nothing is sharded.
        """
        return optimizer

    def share_state(self, model: Any) -> None:
        """Give all ranks the chief's weights and optimizer state, but for what is sharded."""

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum over all ranks."""
        return values

    def agreed(self, value: float) -> float:
        """The chief's value."""
        return value

    def shared(self, values: NDArray[Any]) -> NDArray[Any]:
        """The chief's values, float64 of two dimensions, whatever the others give."""
        import numpy as np

        rows, columns = (int(self.agreed(length)) for length in values.shape)
        return self.total(values if self.is_chief else np.zeros((rows, columns)))

    def gathered(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values of all ranks, float64 `(ranks, values)`, as many of each."""
        import numpy as np

        rows = np.zeros((self.size, len(values)))
        rows[self.index] = values
        return self.total(rows)

    def trainer(self, job: TrainingJob, model: Any) -> Trainer:
        """What trains and validates the compiled model."""
        from invoicelake.training.trainer import Trainer

        return Trainer(job, model, self)

    def report(self, event: Event) -> None:
        """Tell the driver, if this is the chief."""
        if self.is_chief and self._listener is not None:
            self._listener(event)

    def moved(self) -> None:
        """Take note that this rank got something done."""
        self.moves += 1
        self.is_preparing = False

    def report_step(self, epoch: int, step: int, steps: int) -> None:
        """Tell the driver how far the epoch is, now and then."""
        self.moved()
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
    """A rank ended with an error, or was ended; training goes on from its last checkpoint when run again.

    Args:
        message: as of `JobError`.
        details: as of `JobError`.
        is_passing: whether it need not come again, as when a process was lost.
    """

    def __init__(self, message: str, details: str = "", is_passing: bool = False) -> None:
        super().__init__(message, details)
        self.is_passing = is_passing


class RanksLate(RankFailed):
    """Not all ranks came up in time; where they came up before, it need not come again."""

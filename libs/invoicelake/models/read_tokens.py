"""What the network says of each token, windows laid over one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from invoicelake.models.encoding import Window
from invoicelake.text.document import Line


@dataclass(frozen=True)
class ReadTokens:
    """Tokens of all windows, in reading order, and the probability `(n, classes)` of each class."""

    texts: Sequence[str]
    lines: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    rows: NDArray[np.int32]
    probabilities: NDArray[np.float64]

    def by_line(self) -> Iterable[tuple[int, NDArray[np.intp]]]:
        """Each line number with its tokens."""
        order = np.argsort(self.lines, kind="stable")
        numbers, starts = np.unique(self.lines[order], return_index=True)
        return zip(numbers.tolist(), np.split(order, starts[1:]), strict=True)


def laid_over(
    lines: Sequence[Line], windows: Sequence[Window], probabilities: Sequence[NDArray[np.float32]]
) -> ReadTokens:
    """Lay windows over one another; where they overlap, the mean counts.

    Args:
        lines: of the document.
        windows: of the document, at least one.
        probabilities: one `(T, classes)` a window; padding is not used.
    """
    size = max(window.first + len(window.lines) for window in windows)
    places = np.zeros((3, size), dtype=np.int32)
    rows = np.zeros(size, dtype=np.int32)
    total = np.zeros((size, probabilities[0].shape[-1]))
    times = np.zeros((size, 1))
    for window, chances in zip(windows, probabilities, strict=True):
        count = len(window.lines)
        part = slice(window.first, window.first + count)
        places[:, part] = window.lines, window.starts, window.ends
        rows[part] = window.inputs["rows"][:count] - window.inputs["rows"][0] + (rows[window.first] or 0)
        total[part] += chances[:count]
        times[part] += 1
    return ReadTokens([line.text for line in lines], places[0], places[1], places[2], rows, total / times)

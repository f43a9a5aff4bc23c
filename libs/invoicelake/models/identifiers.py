"""Numbers that name something, such as an invoice or an account: where in a line one stands."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

# What stands around a number and is no part of it: `#4711`, `No.`-less brackets, a colon, a full stop.
_AROUND = re.compile(r"^[^\w+]+|[^\w)]+$")
_LEAST = 1e-3


def best_stretch(chances: NDArray[np.float64]) -> tuple[int, int]:
    """The neighbouring tokens that are most likely the value, all others not: first and one past the last.

    The sum of log odds is largest (Bentley, Programming Pearls, column 8); at least one token.

    Args:
        chances: `(n,)`, at least one.
    """
    safe = np.clip(chances, _LEAST, 1 - _LEAST)
    gains = np.log(safe / (1 - safe)).tolist()
    best, place = gains[0], (0, 1)
    running, first = 0.0, 0
    for number, gain in enumerate(gains):
        if running <= 0:
            running, first = 0.0, number
        running += gain
        if running > best:
            best, place = running, (first, number + 1)
    return place


def trimmed(text: str) -> str | None:
    """A number without the marks around it; None where there is no digit in it."""
    bare = _AROUND.sub("", text)
    return bare if any(character.isdigit() for character in bare) else None

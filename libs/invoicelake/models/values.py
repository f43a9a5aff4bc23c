"""Chosen tokens to the text of a value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from invoicelake.models.tokens import Tokens
from invoicelake.text.document import Line


def printed_parts(
    texts: Sequence[str],
    lines: NDArray[np.int32],
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    chosen: NDArray[np.intp],
) -> list[tuple[int, str]]:
    """What is printed from the first to the last chosen token of each line, with the line's number.

    Args:
        texts: of the document's lines.
        lines: `(n,)` the line of each token.
        starts: `(n,)` where the token begins in it.
        ends: `(n,)` where it ends.
        chosen: tokens, in the order in which their lines are to come.
    """
    parts = []
    for number in dict.fromkeys(lines[chosen].tolist()):
        mine = chosen[lines[chosen] == number]
        parts.append((number, texts[number][starts[mine].min() : ends[mine].max()]))
    return parts


def joined(parts: Sequence[str]) -> str:
    """The parts of a value one after another, with single spaces."""
    return " ".join(" ".join(parts).split())


def printed_text(lines: Sequence[Line], tokens: Tokens, chosen: NDArray[np.intp]) -> str:
    """The value that the chosen tokens of a document spell; empty where none is."""
    texts = [line.text for line in lines]
    parts = printed_parts(texts, tokens.lines, tokens.starts, tokens.ends, chosen)
    return joined([text for _, text in parts])

"""Documents to tensors of fixed size: `T` tokens of a window, `C` characters of a token."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.features import FEATURES, page_boxes, token_boxes, token_features
from invoicelake.models.tokens import Tokens, tokenise
from invoicelake.models.vocabulary import Vocabulary, build_vocabulary, word_key
from invoicelake.text.document import Line

__all__ = [
    "IGNORED",
    "TensorSpec",
    "Vocabulary",
    "Window",
    "build_vocabulary",
    "encode",
    "tensor_specs",
    "word_key",
]

IGNORED = 255
"""Target of tokens that do not count: padding, and tokens nobody can judge."""
CHARACTER_CODES = 256
_OVERLAP = 0.25


class TensorSpec(NamedTuple):
    """One tensor of an example: its name, NumPy dtype (little-endian) and shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """Up to `T` neighbouring tokens of a document, as tensors.

    Attributes:
        inputs: the tensors of `tensor_specs` without the target, padded with zeros.
        lines: int32 `(n,)`, line number of each token that is no padding.
        starts: int32 `(n,)`, where the token begins in its line.
        ends: int32 `(n,)`, where it ends.
        first: number of the window's first token in the document.
    """

    inputs: Mapping[str, NDArray[Any]]
    lines: NDArray[np.int32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    first: int


def tensor_specs(settings: config.Encoding) -> tuple[TensorSpec, ...]:
    """List the tensors of an example: the model's inputs, then the target `labels`.

    Of each token `labels` holds the class of its field and that of its part of a line item. `words` is 0 for
    padding; `lines` and `rows` count from 1 within the window; `boxes` are in line heights.
    """
    size = settings.max_tokens
    return (
        TensorSpec("characters", "|u1", (size, settings.max_characters)),
        TensorSpec("words", "<u2", (size,)),
        TensorSpec("features", "<f2", (size, FEATURES)),
        TensorSpec("boxes", "<f2", (size, 4)),
        TensorSpec("lines", "<i2", (size,)),
        TensorSpec("rows", "<i2", (size,)),
        TensorSpec("labels", "|u1", (size, 2)),
    )


def encode(lines: Sequence[Line], vocabulary: Vocabulary, settings: config.Encoding) -> list[Window]:
    """Turn a document into windows of at most `max_tokens` tokens; those of long documents overlap.

    A document without words gives none.
    """
    tokens = tokenise(lines)
    if not tokens.texts:
        return []
    points = _code_points(tokens.texts, settings.max_characters)
    shares, heights = page_boxes(lines)
    whole = {
        "characters": _character_codes(points),
        "words": np.array(vocabulary.numbers(tokens.texts)),
        "features": token_features(lines, tokens, points, shares, heights),
        "boxes": token_boxes(heights, lines, tokens),
    }
    return [
        _window(slice(first, first + settings.max_tokens), whole, tokens, settings)
        for first in _firsts(len(tokens.texts), settings.max_tokens)
    ]


def _firsts(count: int, size: int) -> list[int]:
    """Where windows begin so that every token is in one and neighbours share a quarter."""
    step = max(int(size * (1 - _OVERLAP)), 1)
    firsts = list(range(0, max(count - size, 0), step))
    return [*firsts, max(count - size, 0)]


def _window(
    part: slice, whole: Mapping[str, NDArray[Any]], tokens: Tokens, settings: config.Encoding
) -> Window:
    arrays = {name: values[part] for name, values in whole.items()}
    arrays["lines"] = np.unique(tokens.lines[part], return_inverse=True)[1] + 1
    arrays["rows"] = tokens.rows[part] - tokens.rows[part][0] + 1
    inputs = {}
    for name, dtype, shape in tensor_specs(settings)[:-1]:
        inputs[name] = np.zeros(shape, dtype=dtype)
        inputs[name][: len(arrays[name])] = arrays[name]
    return Window(inputs, tokens.lines[part], tokens.starts[part], tokens.ends[part], part.start)


def _code_points(texts: Sequence[str], size: int) -> NDArray[np.uint32]:
    """Unicode code points `(n, size)`; of longer words the beginning and the last four characters."""
    cut = [text if len(text) <= size else text[: size - 4] + text[-4:] for text in texts]
    return np.array(cut, dtype=f"<U{size}").view("<u4").reshape(len(cut), size)


def _character_codes(points: NDArray[np.uint32]) -> NDArray[np.uint8]:
    codes: NDArray[np.uint8] = _basic_codes()[np.minimum(points, 0x3FF)]
    beyond = points > 0x3FF
    codes[beyond] = [_code(int(point)) for point in points[beyond]]
    return codes


@lru_cache(maxsize=1)
def _basic_codes() -> NDArray[np.uint8]:
    return np.array([_code(point) for point in range(0x400)], dtype=np.uint8)


@lru_cache(maxsize=65536)
def _code(point: int) -> int:
    """ASCII as it is, accented letters as their base, any other character as one of 128 codes."""
    if point < 127:
        return point
    base = unicodedata.normalize("NFKD", chr(point))[0]
    return ord(base) if ord(base) < 127 else 127 + point % 129

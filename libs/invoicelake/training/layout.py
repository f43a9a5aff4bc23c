"""Which columns of a training table are what, and how their bytes become tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from invoicelake.errors import JobError

if TYPE_CHECKING:
    from invoicelake.models.encoding import TensorSpec

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Layout:
    """Which columns of a training table are what.

    Attributes:
        tensors: the packed columns.
        target: the tensor to be learnt; the others are inputs.
        key: the column that names a row, so that the order of rows does not hang on names of files.
        length: the tensor that is 0 at padding and nowhere else, where the first axis of all tensors is one
            of tokens; None where all of a row's numbers count.
        ignored: the target of what does not count; None where weights of rows alone tell.
        length_step: lengths of batches are rounded up to a multiple of it.
    """

    tensors: tuple[TensorSpec, ...]
    target: str
    key: str
    length: str | None = None
    ignored: int | None = None
    length_step: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read: the key, then the tensors."""
        return (self.key, *(spec.name for spec in self.tensors))

    def row_bytes(self) -> int:
        """Size of one row in memory."""
        return sum(np.dtype(spec.dtype).itemsize * math.prod(spec.shape) for spec in self.tensors)

    def spec(self, name: str) -> TensorSpec:
        """The tensor of that name."""
        return next(spec for spec in self.tensors if spec.name == name)

    def lengths(self, tensors: Tensors) -> NDArray[np.int64]:
        """Tokens of each row: up to the last one whose mark is not 0; 1 where rows have no tokens."""
        if self.length is None:
            return np.ones(len(tensors[self.target]), dtype=np.int64)
        present = tensors[self.length] != 0
        last = present.shape[1] - np.argmax(present[:, ::-1], axis=1)
        lengths: NDArray[np.int64] = np.where(present.any(axis=1), last, 0)
        return lengths

    def batch_length(self, longest: int) -> int:
        """Tokens of each row of a batch whose longest row has so many; 1 where rows have no tokens."""
        if self.length is None:
            return 1
        steps = max(math.ceil(longest / self.length_step), 1)
        return min(steps * self.length_step, self.spec(self.length).shape[0])

    def taken(self, tensors: Tensors, rows: NDArray[np.int64], length: int) -> dict[str, NDArray[Any]]:
        """The tensors of some rows, copied; of the tokens, if they have any, the first `length`."""
        if self.length is None:
            return {name: values[rows] for name, values in tensors.items()}
        return {name: values[rows, :length] for name, values in tensors.items()}

    def batch_shape(self, spec: TensorSpec) -> tuple[int | None, ...]:
        """Shape of a tensor in batches; None where it varies."""
        return (None, *spec.shape) if self.length is None else (None, None, *spec.shape[1:])


def unpacked(column: Any, spec: TensorSpec, table: str) -> NDArray[Any]:
    """Reinterpret the bytes of a column.

    Args:
        column: `pyarrow.ChunkedArray` of binary values.
        spec: what they hold.
        table: name and version, for messages.

    Returns:
        `(rows, *spec.shape)`, read-only; a view of the column's own memory where it lies in one piece.

    Raises:
        JobError: values are missing, or are not of the declared size.
    """
    import pyarrow as pa

    if column.null_count:
        raise JobError(
            f"column {spec.name} of {table} is null in {column.null_count} of {len(column)} rows of a row "
            "group, which no tensor can hold: were they written before the column was added? Build the "
            "table anew, or train on a version or partition without them"
        )
    width = np.dtype(spec.dtype).itemsize * math.prod(spec.shape)
    chunks = [chunk.cast(pa.large_binary()) for chunk in column.chunks if len(chunk)]
    if any((np.diff(_bounds(chunk)) != width).any() for chunk in chunks):
        raise JobError(
            f"column {spec.name} of {table} should hold {width} bytes a row "
            f"({spec.dtype} {spec.shape}); was the table built with other settings of encoding?"
        )
    parts = [_bytes_of(chunk) for chunk in chunks]
    # Most row groups come in one piece, which is then not copied.
    packed = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.uint8), *parts])
    return packed.view(spec.dtype).reshape(-1, *spec.shape)


def _bytes_of(chunk: Any) -> NDArray[np.uint8]:
    """The values of a `LargeBinaryArray` one after the other."""
    bounds = _bounds(chunk)
    return np.frombuffer(chunk.buffers()[2], dtype=np.uint8)[bounds[0] : bounds[-1]]


def _bounds(chunk: Any) -> NDArray[np.int64]:
    """Where each value of a `LargeBinaryArray` begins in its buffer, and where the last ends."""
    offsets = np.frombuffer(chunk.buffers()[1], dtype=np.int64)
    return offsets[chunk.offset : chunk.offset + len(chunk) + 1]

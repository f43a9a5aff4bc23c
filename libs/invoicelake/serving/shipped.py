"""Files of a model that travel to Spark's Python workers, each of which opens them once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import SparkSession

T = TypeVar("T")
Files = Mapping[str, bytes]
_opened: dict[str, Any] = {}


def shipped(spark: SparkSession, bundle: str | Path) -> Broadcast[Files]:
    """The files of a folder of this machine, for workers elsewhere."""
    files = {file.name: file.read_bytes() for file in sorted(Path(bundle).iterdir()) if file.is_file()}
    return spark.sparkContext.broadcast(files)


def opened(files: Files, load: Callable[[Path], T]) -> T:
    """What `load` makes of these files; a worker that has it already does not load it anew.

    Args:
        files: content by name.
        load: takes the folder in which they are.
    """
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()
    if digest not in _opened:
        # TensorFlow 2.15 reports as errors (level 2) that it looked for a GPU twice.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            _opened.clear()
            _opened[digest] = load(Path(folder))
    found: T = _opened[digest]
    return found

"""What `benchmark feed` reads: the extractor's examples of generated documents, as a Delta table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake
from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.encoding import IGNORED, build_vocabulary, encode, tensor_specs, word_key
from invoicelake.models.labelling import label
from invoicelake.models.tokens import tokenise
from invoicelake.sources.generated import generate
from invoicelake.training.layout import Layout

_DOCUMENTS = 600
_ROW_GROUP = 256
_FILE_ROWS = 1024
Arrays = dict[str, NDArray[Any]]


def examples(suite: config.Suite, rows: int) -> tuple[Layout, Arrays]:
    """So many examples, each tensor `(rows, ...)`; they repeat where there are more rows than documents."""
    layout = Layout(tensor_specs(suite.encoding), "labels", "example_id", "words", IGNORED)
    documents = [generate(number, suite.seed, suite.generator) for number in range(min(rows, _DOCUMENTS))]
    words = [{word_key(text) for text in tokenise(document.lines).texts} for document in documents]
    counts = Counter(word for each in words for word in each)
    vocabulary = build_vocabulary(list(counts.items()), suite.encoding)
    found = []
    for document in documents:
        windows = encode(document.lines, vocabulary, suite.encoding)
        targets = label(document.lines, windows, document.labels, suite.fields, suite.encoding)
        found += [
            {**window.inputs, "labels": target} for window, target in zip(windows, targets, strict=True)
        ]
    taken = np.arange(rows) % len(found)
    return layout, {name: np.stack([each[name] for each in found])[taken] for name in found[0]}


def write_delta(folder: Path, layout: Layout, tensors: Arrays) -> None:
    """A Delta table of one version, in a few files of a few row groups each."""
    columns = {spec.name: [row.tobytes() for row in tensors[spec.name]] for spec in layout.tensors}
    keys = [f"{number:08d}" for number in range(len(tensors[layout.target]))]
    write_deltalake(
        folder,
        pa.table({layout.key: keys, **columns}),
        writer_properties=WriterProperties(compression="SNAPPY", max_row_group_size=_ROW_GROUP),
        target_file_size=_FILE_ROWS * layout.row_bytes(),
    )

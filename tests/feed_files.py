"""Small training tables for tests of the feed: packed tensors in Parquet files, and what they should give."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from invoicelake.models.encoding import TensorSpec
from invoicelake.tables import PinnedTable
from invoicelake.training.layout import Layout

T = 6
SPECS = (
    TensorSpec("words", "<u2", (T,)),
    TensorSpec("boxes", "<f2", (T, 2)),
    TensorSpec("labels", "|u1", (T,)),
)
LAYOUT = Layout(SPECS, target="labels", key="example_id", length="words", ignored=255)
# Without tokens: three words a row, and two numbers to learn.
FIXED = Layout(
    (TensorSpec("words", "<u2", (3,)), TensorSpec("labels", "<f4", (2,))), target="labels", key="example_id"
)


def tensors(rows, layout=LAYOUT):
    """Row `i` has `i % T + 1` tokens, all of them the word `i + 1`; without tokens, three of these."""
    if layout is FIXED:
        words = np.repeat(np.arange(1, rows + 1)[:, None], 3, axis=1)
        return {"words": words.astype("<u2"), "labels": words[:, :2].astype("<f4") / 2}
    used = np.arange(T) <= (np.arange(rows) % T)[:, None]
    words = (used * (np.arange(rows) + 1)[:, None]).astype("<u2")
    boxes = np.repeat(words[..., None], 2, axis=2).astype("<f2")
    return {"words": words, "boxes": boxes, "labels": np.where(used, words % 7, 255).astype("|u1")}


def packed(rows, layout=LAYOUT):
    """The same as the columns of a table."""
    columns = {name: [row.tobytes() for row in values] for name, values in tensors(rows, layout).items()}
    return pa.table({"example_id": [f"{row:04d}" for row in range(rows)], **columns})


def table(folder, rows, cuts=(), group=4, layout=LAYOUT):
    """Rows in several files, in an order that is not that of their keys."""
    whole = packed(rows, layout).take(np.random.default_rng(1).permutation(rows))
    files, counts = [], []
    for number, part in enumerate(np.split(np.arange(rows), cuts)):
        files.append(str(folder / f"part {number}%20.parquet"))
        counts.append(len(part))
        pq.write_table(whole.take(part), files[-1], row_group_size=group)
    return PinnedTable("gold.extractor_example", str(folder), 3, tuple(files), tuple(counts))


def first_words(batches):
    """The number of each row that counts, from 1."""
    return [int(word) for each in batches for word in each.inputs["words"][each.weights > 0, 0]]

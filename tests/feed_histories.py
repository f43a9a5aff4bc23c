"""Random histories of Delta tables, and whether the feed gives a version as delta-rs reads it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from feed_files import LAYOUT, T
from invoicelake.tables import pin_files
from invoicelake.training.epoch_plan import Draw
from invoicelake.training.feed import Feed
from invoicelake.training.sources import StreamedRows

SPLITS = ("train", "validation")
TENSORS = LAYOUT.columns[1:]


def random_rows(random, keys=None, has_note=False):
    """Random rows without padding, of which batches keep all; the first word is the key."""
    keys = random.integers(1, 60, random.integers(1, 25)) if keys is None else keys
    words = random.integers(1, 60_000, (len(keys), T)).astype("<u2")
    words[:, 0] = keys
    boxes = random.integers(0, 99, (len(keys), T, 2)).astype("<f2")
    labels = random.integers(0, 5, (len(keys), T)).astype("|u1")
    columns = {"words": words, "boxes": boxes, "labels": labels}
    packed = {name: pa.array([row.tobytes() for row in rows]) for name, rows in columns.items()}
    # By the key, as splits are: a row never changes over.
    splits = [SPLITS[key % 2] for key in keys]
    notes = {"note": pa.array([f"note {key}" for key in keys])} if has_note else {}
    return pa.table({"example_id": [f"{key:03d}" for key in keys], **packed, "split": splits, **notes})


class History:
    """A table that random operations are done to, one commit each.

    Args:
        folder: of the table.
        seed: of everything that is drawn.
    """

    def __init__(self, folder, seed):
        self.location = str(folder)
        self.random = np.random.default_rng(seed)
        self._has_note = False
        write_deltalake(
            self.location, self.rows(), partition_by=["split"] if self.random.random() < 0.5 else None
        )
        self.is_partitioned = bool(self._table().metadata().partition_columns)

    def rows(self, keys=None):
        return random_rows(self.random, keys, self._has_note)

    def step(self):
        """Do one operation, drawn by chance; return its name."""
        operation = self.random.choice([name for name in vars(History) if name.startswith("do_")])
        getattr(self, operation)()
        self._forget_arrow_types()
        return operation

    def do_append(self):
        write_deltalake(self.location, self.rows(), mode="append", schema_mode="merge")

    def do_overwrite(self):
        write_deltalake(self.location, self.rows(), mode="overwrite", schema_mode="overwrite")
        self._has_note = "note" in self._columns()

    def do_overwrite_a_slice(self):
        rows = self.rows(np.arange(2, 30, 2))
        write_deltalake(self.location, rows, mode="overwrite", predicate="split = 'train'")

    def do_delete(self):
        low = int(self.random.integers(0, 60))
        self._table().delete(f"example_id >= '{low:03d}' and example_id < '{low + 10:03d}'")

    def do_delete_all(self):
        self._table().delete()

    def do_update(self):
        low = int(self.random.integers(0, 60))
        labels = self.random.bytes(T).hex()
        self._table().update(updates={"labels": f"X'{labels}'"}, predicate=f"example_id >= '{low:03d}'")

    def do_merge(self):
        rows = self.rows(np.unique(self.random.integers(1, 80, 20)))
        merge = self._table().merge(rows, "t.example_id = s.example_id", source_alias="s", target_alias="t")
        if self.random.random() < 0.5:
            merge = merge.when_matched_delete("s.split = 'validation'")
        merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def do_compact(self):
        self._table().optimize.compact()

    def do_cluster(self):
        self._table().optimize.z_order(["example_id"])

    def do_change_schema(self):
        """Files of before know nothing of the column."""
        self._has_note = True
        write_deltalake(self.location, self.rows(), mode="append", schema_mode="merge")

    def do_restore(self):
        newest = self._table().version()
        if newest:
            self._table().restore(int(self.random.integers(0, newest)))
        self._has_note = "note" in self._columns()

    def do_checkpoint(self):
        self._table().create_checkpoint()

    def _forget_arrow_types(self):
        """delta-rs notes in its files which Arrow types it used, some of them beyond pyarrow 14."""
        for file in Path(self.location).rglob("*.parquet"):
            content = file.read_bytes()
            if b"ARROW:schema" in content:
                file.write_bytes(content.replace(b"ARROW:schema", b"arrow:schema"))

    def _table(self):
        return DeltaTable(self.location)

    def _columns(self):
        return [field.name for field in self._table().schema().fields]


def stored(location, version, split=None):
    """The rows of a version as delta-rs reads them: how often each key with each tensors' bytes."""
    columns = ["example_id", *TENSORS]
    where = f" WHERE split = '{split}'" if split else ""
    reader = QueryBuilder().register("t", DeltaTable(location, version=version))
    # Views of strings, as they come, are more than the pinned pyarrow understands.
    found = reader.execute(f"SELECT {', '.join(columns)} FROM t{where}").read_all()
    return Counter(zip(*(found.column(name).to_pylist() for name in columns), strict=True))


def fed(location, version, split, ranks, seed, is_held):
    """The rows of an epoch of the feed over all ranks, in the same form."""
    pinned = pin_files("gold.extractor_example", location, version, {"split": split} if split else {})
    source = StreamedRows(pinned, LAYOUT)
    source = source.held() if is_held else source
    draw = Draw(batch_size=int(seed % 7) + 1, block_rows=int(seed % 11) + 3, seed=seed)
    rows = Counter()
    for rank in range(ranks):
        for batch in Feed(source, LAYOUT, draw, rank, ranks).epoch(seed % 3).batches():
            tensors = {**batch.inputs, LAYOUT.target: batch.targets}
            for place in np.flatnonzero(batch.weights):
                row = tuple(tensors[name][place].tobytes() for name in TENSORS)
                rows[(f"{np.frombuffer(row[0], '<u2')[0]:03d}", *row)] += 1
    return rows


def require_exact(folder, seed):
    """A history of its own, of which a random version is fed to 1 to 4 ranks."""
    history = History(folder, seed)
    done = [history.step() for _ in range(history.random.integers(1, 9))]
    version = int(history.random.integers(0, DeltaTable(history.location).version() + 1))
    split = SPLITS[seed % 2] if history.is_partitioned and seed % 3 else None
    found = fed(history.location, version, split, seed % 4 + 1, seed, is_held=seed % 5 == 0)
    assert found == stored(history.location, version, split), (seed, version, split, done)
    return done

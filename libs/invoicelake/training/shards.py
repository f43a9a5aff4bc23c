"""Sharded embeddings as files, which any number of ranks can read back: arrays and JSON, no pickles.

A save is one pair of files for each rank, `step-S-rank-R-of-N.npz` with rows of tables and of optimizer slots
and `….json` with what they are and their hash. It counts when all pairs of one save are there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf

from invoicelake.errors import JobError
from invoicelake.models.sharded import Exchange, ShardedEmbedding, sharded_layers
from invoicelake.training.checkpoints import Array, write_arrays, write_json
from invoicelake.training.sharded_optimizer import optimizer_slots

log = logging.getLogger(__name__)

# Numbers that are in memory at once when a save is written or read.
_BLOCK = 1 << 22
_TABLE = "table"


@dataclass(frozen=True)
class Save:
    """A save that is whole.

    Attributes:
        step: of the optimizer.
        files: the arrays of each rank that wrote, in their order.
        facts: what each says of itself.
    """

    step: int
    files: tuple[Path, ...]
    facts: tuple[Mapping[str, Any], ...]


def save_shards(folder: str | Path, model: Any, exchange: Exchange) -> None:
    """Write a compiled model's sharded embeddings, with optimizer slots; all ranks must call this together.

    When it returns, the save is whole. Until then the one before stays; older ones are removed.

    Args:
        folder: made if need be; a path that all ranks share.
        model: what is not sharded in it is not written, see `replicated_variables`.
        exchange: of its sharded embeddings.

    Raises:
        JobError: the disk has no room for it; the save before is as it was.
    """
    step = int(model.optimizer.iterations)
    target = Path(folder) / f"step-{step:010d}-rank-{exchange.index}-of-{exchange.size}.npz"
    tables = {layer.name: layer for layer in sharded_layers(model)}
    arrays: dict[str, Array] = {}
    for name, layer in tables.items():
        for slot, variable in _parts(model, layer).items():
            for number, rows in enumerate(_blocks(range(len(layer.own_rows)), _block_rows(layer))):
                # NumPy asks for the rows when it writes them, so that only these are copied.
                arrays[f"{name}/{slot}/{number:06d}"] = cast("Array", _Rows(variable, rows))
    facts = {
        # The chief's, by which files of this save are told from those of another that was cut short.
        "save": _from_chief(secrets.randbits(62), exchange),
        "step": step,
        "rank": exchange.index,
        "ranks": exchange.size,
        "tables": {name: _table_facts(layer) for name, layer in tables.items()},
    }
    write_arrays(target, arrays)
    write_json(
        target.with_suffix(".json"), facts | {"sha256": _sha256(target), "bytes": target.stat().st_size}
    )
    # Nobody goes on before all have written.
    _from_chief(0, exchange)
    if exchange.index == 0:
        _remove_before(Path(folder), step)
    _from_chief(0, exchange)


def load_shards(folder: str | Path, model: Any, exchange: Exchange, step: int | None = None) -> int | None:
    """Give a compiled and built model its rows of a save, at whatever number of ranks that was written.

    No rank reads more of a table at once than a few rows, or keeps rows that are not its own.

    Args:
        folder: as of `save_shards`.
        model: with an optimizer that is built, too.
        exchange: of its sharded embeddings.
        step: of the save; None for the newest.

    Returns:
        The optimizer's step at which it was saved; None where there is no such save, or not all of it.

    Raises:
        JobError: a file is damaged, or holds other tables than the model has.
    """
    saves = [save for save in _saves(Path(folder)) if step in (None, save.step)]
    if not saves:
        return None
    save = max(saves, key=lambda found: (found.step, len(found.files)))
    for layer in sharded_layers(model):
        _require_same(save, layer)
    shared = math.gcd(len(save.files), exchange.size)
    for rank, file in enumerate(save.files):
        # Row r, which rank r % N wrote, is wanted by rank r % M: the two agree modulo gcd(N, M).
        if (rank - exchange.index) % shared == 0:
            _read_rows(file, save.facts[rank], model)
    return save.step


def _read_rows(file: Path, facts: Mapping[str, Any], model: Any) -> None:
    """Take over those rows of one file that are this rank's."""
    if _sha256(file) != facts["sha256"]:
        raise JobError(f"saved rows {file} are damaged: their SHA-256 is not the one that was recorded")
    with np.load(file, allow_pickle=False) as stored:
        for layer in sharded_layers(model):
            written = range(facts["rank"], layer.rows, facts["ranks"])
            block = facts["tables"][layer.name]["block"]
            for slot, variable in _parts(model, layer).items():
                for number, rows in enumerate(_blocks(written, block)):
                    key = f"{layer.name}/{slot}/{number:06d}"
                    if key not in stored:
                        raise JobError(f"saved rows {file} lack {key}; load with the optimizer of that time")
                    _assign(variable, stored[key], np.array(rows), layer.exchange)


def _assign(variable: Any, values: Array, rows: Array, exchange: Exchange) -> None:
    own = rows % exchange.size == exchange.index
    variable.scatter_update(tf.IndexedSlices(values[own], rows[own] // exchange.size))


def _parts(model: Any, layer: ShardedEmbedding) -> dict[str, Any]:
    return {_TABLE: layer.shard} | optimizer_slots(model, layer.shard)


def _table_facts(layer: ShardedEmbedding) -> dict[str, int]:
    return {"rows": layer.rows, "width": layer.width, "block": _block_rows(layer)}


def _block_rows(layer: ShardedEmbedding) -> int:
    """Rows that are saved as one array."""
    return max(_BLOCK // layer.width, 1)


def _blocks(rows: range, block: int) -> Iterator[range]:
    return (rows[first : first + block] for first in range(0, len(rows), block))


class _Rows:
    """Some rows of a variable, copied when NumPy asks for them."""

    def __init__(self, variable: Any, rows: range) -> None:
        self._variable, self._rows = variable, rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(tf.gather(self._variable, tf.range(self._rows.start, self._rows.stop)), dtype)


def _saves(folder: Path) -> Iterator[Save]:
    """All saves in a folder that are whole."""
    found: dict[tuple[int, int, int], dict[int, tuple[Path, Mapping[str, Any]]]] = {}
    for file in folder.glob("step-*.json"):
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
            if file.with_suffix(".npz").stat().st_size != facts["bytes"]:
                raise ValueError("the arrays have been cut off")
            group = found.setdefault((facts["step"], facts["save"], facts["ranks"]), {})
            group[facts["rank"]] = file.with_suffix(".npz"), facts
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read, so its save does not count: %s", file, error)
    for (step, _, ranks), group in found.items():
        if len(group) == ranks:
            files, facts = zip(*(group[rank] for rank in range(ranks)), strict=True)
            yield Save(step, files, facts)


def _remove_before(folder: Path, step: int) -> None:
    """Remove what is older than the save before that of `step`."""
    kept = max((save.step for save in _saves(folder) if save.step < step), default=step)
    for file in folder.glob("step-*"):
        if int(file.name.split("-")[1]) < kept:
            file.unlink(missing_ok=True)


def _require_same(save: Save, layer: ShardedEmbedding) -> None:
    expected = _table_facts(layer)
    found = save.facts[0]["tables"].get(layer.name, {})
    for name in ("rows", "width"):
        if found.get(name) != expected[name]:
            raise JobError(
                f"saved tables do not fit the model: {layer.name} should have {name}={expected[name]}, "
                f"saved was {found.get(name)}; build the model with the settings of that time"
            )


def _from_chief(value: int, exchange: Exchange) -> int:
    """The chief's value, once all ranks have come to this point."""
    counts = tf.ones(exchange.size, tf.int32)
    received, _ = exchange.alltoall(tf.fill([exchange.size], tf.constant(value, tf.int64)), counts)
    return int(received[0])


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

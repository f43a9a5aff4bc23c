"""Other ways from rows to batches of tensors: functions that go through all rows once and count them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from invoicelake.training.layout import Layout, unpacked

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_FILES = 3
_SHUFFLED = 1024
Arrays = Mapping[str, NDArray[Any]]


def ways(
    spark: SparkSession, folder: Path, layout: Layout, tensors: Arrays, batch: int
) -> dict[str, Callable[[], int]]:
    """Write the rows in the form that each way reads, under `folder`; a Delta table is there already.

    Petastorm's converter finds nothing in a folder whose path has a space.
    """
    lists, records = folder / "lists", folder / "records"
    _write_lists(lists, tensors)
    _write_records(records, tensors)
    spark.conf.set("petastorm.spark.converter.parentCacheDirUrl", f"file://{folder / 'converter'}")
    from petastorm.spark import make_spark_converter

    converter = make_spark_converter(spark.read.parquet(str(lists)))
    return {
        "converter": partial(_converted, converter, batch),
        "batch_reader_lists": partial(_read_lists, lists),
        "tfrecord": partial(_records, records, layout, batch),
        "pyarrow": partial(_raw, folder / "delta", layout),
    }


def _converted(converter: Any, batch: int) -> int:
    """As Petastorm documents it."""
    with converter.make_tf_dataset(batch_size=batch, num_epochs=1) as dataset:
        return sum(int(each.words.shape[0]) for each in dataset)


def _read_lists(folder: Path) -> int:
    from petastorm import make_batch_reader

    files = [f"file://{file}" for file in sorted(folder.glob("*.parquet"))]
    with make_batch_reader(files, num_epochs=1) as reader:
        return sum(len(group.words) for group in reader)


def _records(folder: Path, layout: Layout, batch: int) -> int:
    """Parsed a batch at a time, in parallel and ahead: what tf.data does best."""
    import tensorflow as tf

    form = {spec.name: tf.io.FixedLenFeature((), tf.string) for spec in layout.tensors}

    def parsed(serialized: Any) -> dict[str, Any]:
        columns = tf.io.parse_example(serialized, form)
        return {
            spec.name: tf.reshape(
                tf.io.decode_raw(columns[spec.name], np.dtype(spec.dtype)), (-1, *spec.shape)
            )
            for spec in layout.tensors
        }

    files = [str(file) for file in sorted(folder.glob("*.tfrecord"))]
    dataset = tf.data.TFRecordDataset(files).shuffle(_SHUFFLED).batch(batch)
    dataset = dataset.map(parsed, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    return sum(int(each["words"].shape[0]) for each in dataset)


def _raw(folder: Path, layout: Layout) -> int:
    rows = 0
    for file in sorted(folder.glob("*.parquet")):
        stored = pq.ParquetFile(file)
        for number in range(stored.num_row_groups):
            columns = stored.read_row_group(number, columns=list(layout.columns[1:]))
            tensors = {spec.name: unpacked(columns[spec.name], spec, "delta") for spec in layout.tensors}
            rows += len(tensors[layout.target])
    return rows


def _write_lists(folder: Path, tensors: Arrays) -> None:
    folder.mkdir()
    rows = len(tensors["words"])
    for number, part in enumerate(np.array_split(np.arange(rows), _FILES)):
        columns = {}
        for name, values in tensors.items():
            # Spark knows neither unsigned nor half-precision numbers.
            kind = np.float32 if values.dtype.kind == "f" else np.int32
            width = math.prod(values.shape[1:])
            offsets = np.arange(len(part) + 1, dtype=np.int32) * width
            columns[name] = pa.ListArray.from_arrays(offsets, values[part].astype(kind).ravel())
        pq.write_table(pa.table(columns), folder / f"{number}.parquet", row_group_size=256)


def _write_records(folder: Path, tensors: Arrays) -> None:
    import tensorflow as tf

    folder.mkdir()
    rows = len(tensors["words"])
    for number, part in enumerate(np.array_split(np.arange(rows), _FILES)):
        with tf.io.TFRecordWriter(str(folder / f"{number}.tfrecord")) as writer:
            for row in part:
                values = {
                    name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[array[row].tobytes()]))
                    for name, array in tensors.items()
                }
                features = tf.train.Features(feature=values)
                writer.write(tf.train.Example(features=features).SerializeToString())

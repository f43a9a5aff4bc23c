"""Scanned receipts in the form of ICDAR 2019 SROIE: a file of each receipt in `box/`, `key/` and `img/`.

Huang et al., ICDAR 2019 Competition on Scanned Receipt OCR and Information Extraction, section II.
"""

from __future__ import annotations

import json
from math import isfinite

from pyspark.sql import Column, DataFrame, SparkSession, Window, functions as F

from invoicelake.errors import JobError
from invoicelake.sources.folders import read_files, read_rows, require_folder
from invoicelake.sources.received import Received, rejections, with_identity
from invoicelake.text.document import Document, DocumentRejected, Line

CORNERS = 8
LEFT_OUT = {
    "train_images_leaked_into_test.csv": "leaked_into_test",
    "train_exact_duplicates.csv": "exact_duplicate",
}


def receive(spark: SparkSession, path: str | None) -> Received:
    """All receipts of the folder; those listed beside it as leaked or as duplicates are rejected.

    Raises:
        JobError: there is no such folder, or no box file in it.
    """
    folder = require_folder(path, "sroie")
    kinds = {"box": "content", "key": "annotation", "img": "image"}
    files = [read_files(spark, f"{folder}/{kind}").withColumn("kind", F.lit(kind)) for kind in kinds]
    numbered = files[0].unionByName(files[1]).unionByName(files[2]).withColumn("copy", _copy_number())
    if numbered.where("kind = 'box'").isEmpty():
        raise JobError(f"no receipts in {folder}; expected box/*.csv, and key/*.json and img/*.jpg beside it")
    first = numbered.where("copy = 1").groupBy("name")
    receipts = first.agg(
        F.coalesce(*[_of_kind(kind, "path") for kind in kinds]).alias("source_uri"),
        *[_of_kind(kind, "content").alias(column) for kind, column in kinds.items()],
    )
    judged = (
        receipts.withColumn("source", F.lit("sroie"))
        .join(_scan_sizes(spark, folder), on="name", how="left")
        .join(F.broadcast(_left_out(spark, folder)), on="name", how="left")
        .withColumn("reason", F.when(F.col("content").isNull(), "no_box_file").otherwise(F.col("reason")))
        .withColumn("detail", F.coalesce("detail", F.lit("a key or an image came without a file in box/")))
    )
    copies = numbered.where("copy > 1").select(
        F.lit("sroie").alias("source"),
        "name",
        F.col("path").alias("source_uri"),
        F.lit("duplicate_name").alias("reason"),
        F.concat(F.lit("another file of this name came before it in "), "kind").alias("detail"),
        "content",
    )
    accepted = judged.where(F.col("reason").isNull()).drop("reason", "detail")
    rejected = judged.where(F.col("reason").isNotNull()).select(*copies.columns).unionByName(copies)
    return Received(with_identity(accepted), rejections(rejected))


def parse(content: bytes, annotation: bytes | None) -> Document:
    """Read a box file (`x1,y1,…,x4,y4,text` a line; the text may hold commas) and its key file.

    Raises:
        DocumentRejected: invalid UTF-8, a line that does not parse, no lines, or a key that is no object.
    """
    rows = _decoded(content, "box").splitlines()
    lines = tuple(_line(row, number) for number, row in enumerate(rows, start=1) if row.strip())
    if not lines:
        raise DocumentRejected("no_lines", "the box file holds no text lines")
    return Document(
        lines=lines,
        page_width=max(1.0, *(line.x1 for line in lines)),
        page_height=max(1.0, *(line.y1 for line in lines)),
        labels=_labels(annotation),
    )


def _line(row: str, number: int) -> Line:
    parts = row.split(",", CORNERS)
    try:
        corners = [float(part) for part in parts[:CORNERS]]
        text = parts[CORNERS]
        if not all(map(isfinite, corners)):
            raise ValueError("a corner is no finite number")
    except (ValueError, IndexError) as error:
        expected = "x1,y1,x2,y2,x3,y3,x4,y4,text"
        raise DocumentRejected(
            "box_unreadable", f"line {number}: expected {expected}, got {row[:80]!r}"
        ) from error
    xs, ys = corners[0::2], corners[1::2]
    return Line(text.strip(), 0, min(xs), min(ys), max(xs), max(ys))


def _labels(annotation: bytes | None) -> dict[str, str]:
    if annotation is None:
        return {}
    try:
        key = json.loads(_decoded(annotation, "key"))
    except json.JSONDecodeError as error:
        raise DocumentRejected("key_unreadable", f"expected a JSON object of fields, got {error}") from error
    if not isinstance(key, dict):
        raise DocumentRejected(
            "key_unreadable", f"expected a JSON object of fields, got {type(key).__name__}"
        )
    return {field: value.strip() for field, value in key.items() if isinstance(value, str) and value.strip()}


def _decoded(content: bytes, kind: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start} of the {kind} file is {content[error.start]:#04x}"
        raise DocumentRejected("invalid_utf8", f"expected UTF-8, but {wrong}") from error


def _copy_number() -> Column:
    return F.row_number().over(Window.partitionBy("kind", "name").orderBy("path"))


def _of_kind(kind: str, column: str) -> Column:
    return F.max(F.when(F.col("kind") == kind, F.col(column)))


def _scan_sizes(spark: SparkSession, folder: str) -> DataFrame:
    """Sizes of the original scans, which boxes refer to where images were scaled down."""
    sizes = read_rows(spark, f"{folder}/sizes.csv", "index", "orig_w", "orig_h")
    return sizes.select(
        F.col("index").alias("name"),
        F.col("orig_w").cast("int").alias("scan_width"),
        F.col("orig_h").cast("int").alias("scan_height"),
    )


def _left_out(spark: SparkSession, folder: str) -> DataFrame:
    """Receipts that must not be used, with the reason; the leak wins where both lists name one."""
    leaked, duplicates = (
        read_rows(spark, f"{folder}/{file}", "index").select(
            F.col("index").alias("name"),
            F.lit(reason).alias("reason"),
            F.lit(f"listed in {file}").alias("detail"),
        )
        for file, reason in LEFT_OUT.items()
    )
    return leaked.unionByName(duplicates.join(leaked, on="name", how="left_anti"))

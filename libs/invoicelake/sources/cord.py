"""Receipts with line items in the form of CORD v2: CSV files with a JSON annotation for every receipt.

Park et al., CORD: A Consolidated Receipt Dataset for Post-OCR Parsing, Document Intelligence Workshop 2019.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession, Window, functions as F

from invoicelake.errors import JobError
from invoicelake.sources.folders import literal, require_folder
from invoicelake.sources.received import Received, rejections, with_identity
from invoicelake.text.document import Document, DocumentRejected, Line, LineItem

CORNERS = ("1", "2", "3", "4")


def receive(spark: SparkSession, path: str | None) -> Received:
    """All receipts of the folder's CSV files, columns `filename` and `ground_truth`.

    Raises:
        JobError: there is no such folder, no CSV file in it, or one without these columns.
    """
    folder = require_folder(path, "cord")
    try:
        rows = spark.read.csv(f"{literal(folder)}/*.csv", header=True, multiLine=True, quote='"', escape='"')
        receipts = rows.select("filename", "ground_truth", F.input_file_name().alias("source_uri"))
    except AnalysisException as error:
        raise JobError(
            f"no receipts in {folder}; expected CSV files with the columns filename and ground_truth"
        ) from error
    if receipts.isEmpty():
        raise JobError(f"no receipts in {folder}; its CSV files have no rows")
    by_name = Window.partitionBy("name").orderBy("source_uri", "content")
    named = receipts.select(
        F.lit("cord").alias("source"),
        F.regexp_replace(F.coalesce("filename", F.lit("")), r"(?<=.)\.[^.]*$", "").alias("name"),
        "source_uri",
        F.encode(F.coalesce("ground_truth", F.lit("")), "UTF-8").alias("content"),
        F.lit(None).cast("binary").alias("annotation"),
        F.lit(None).cast("binary").alias("image"),
        F.lit(None).cast("int").alias("scan_width"),
        F.lit(None).cast("int").alias("scan_height"),
    ).withColumn("copy", F.row_number().over(by_name))
    copies = named.where("copy > 1").select(
        "source",
        "name",
        "source_uri",
        F.lit("duplicate_name").alias("reason"),
        F.lit("another receipt of this name came before it").alias("detail"),
        "content",
    )
    return Received(with_identity(named.where("copy = 1").drop("copy")), rejections(copies))


def parse(content: bytes, annotation: bytes | None) -> Document:
    """Read a `ground_truth`: words with quads under `valid_line`, the parse under `gt_parse`.

    Raises:
        DocumentRejected: no JSON of that form, or no lines.
    """
    try:
        truth = json.loads(content)
        lines = tuple(_line(line["words"]) for line in truth["valid_line"] if line["words"])
        size = truth["meta"]["image_size"]
        width, height = float(size["width"]), float(size["height"])
        parse = truth["gt_parse"]
        labels, items = _labels(parse), _line_items(parse)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        expected = "JSON with valid_line, meta.image_size and gt_parse"
        raise DocumentRejected("annotation_unreadable", f"expected {expected}, got {error!r}") from error
    if not lines:
        raise DocumentRejected("no_lines", "the receipt holds no text lines")
    return Document(lines=lines, page_width=width, page_height=height, labels=labels, line_items=items)


def _line(words: list[Mapping[str, Any]]) -> Line:
    ordered = sorted(words, key=lambda word: float(word["quad"]["x1"]))
    xs = [float(word["quad"][f"x{corner}"]) for word in words for corner in CORNERS]
    ys = [float(word["quad"][f"y{corner}"]) for word in words for corner in CORNERS]
    return Line(" ".join(str(word["text"]) for word in ordered), 0, min(xs), min(ys), max(xs), max(ys))


def _labels(parse: Mapping[str, Any]) -> dict[str, str]:
    """The total, the one field that CORD shares with invoices; of several readings the first."""
    total = _first(_first(parse.get("total"), {}).get("total_price"))
    return {"total": total} if total else {}


def _line_items(parse: Mapping[str, Any]) -> tuple[LineItem, ...]:
    menu = parse.get("menu", [])
    entries = menu if isinstance(menu, list) else [menu]
    return tuple(
        LineItem(
            description=_first(entry.get("nm")),
            quantity=_first(entry.get("cnt")),
            unit_price=_first(entry.get("unitprice")),
            amount=_first(entry.get("price")),
        )
        for entry in entries
        if isinstance(entry, dict)
    )


def _first(value: Any, default: Any = None) -> Any:
    """The first of several readings, or the only one."""
    found = value[0] if isinstance(value, list) and value else value
    return default if found is None or found == [] else found

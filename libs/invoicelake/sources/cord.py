"""Receipts with line items in the form of CORD v2: CSV files with a JSON annotation for every receipt.

Park et al., CORD: A Consolidated Receipt Dataset for Post-OCR Parsing, Document Intelligence Workshop 2019.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession, Window, functions as F

from invoicelake.errors import JobError
from invoicelake.sources.folders import literal, require_folder
from invoicelake.sources.received import Received, rejections, with_identity
from invoicelake.text.document import Document, DocumentRejected, Line, LineItem

CORNERS = ("1", "2", "3", "4")
FIELDS = {
    "total": "total.total_price",
    "subtotal": "sub_total.subtotal_price",
    "discount": "sub_total.discount_price",
    "service": "sub_total.service_price",
    "tax": "sub_total.tax_price",
    "cash": "total.cashprice",
    "change": "total.changeprice",
    "card": "total.creditcardprice",
    "e_money": "total.emoneyprice",
    "item_quantity": "total.menuqty_cnt",
    "item_kinds": "total.menutype_cnt",
}
"""Name of a field to the category of CORD."""
ITEM_PARTS = {"description": "nm", "quantity": "cnt", "unit_price": "unitprice", "amount": "price"}


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
        parts = [part for line in truth["valid_line"] for part in _parts(line)]
        size = truth["meta"]["image_size"]
        width, height = float(size["width"]), float(size["height"])
        parse = truth["gt_parse"]
        labels, places = _labels(parse, parts)
        items = _line_items(parse, parts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        expected = "JSON with valid_line, meta.image_size and gt_parse"
        raise DocumentRejected("annotation_unreadable", f"expected {expected}, got {error!r}") from error
    if not parts:
        raise DocumentRejected("no_lines", "the receipt holds no text lines")
    lines = tuple(part.line for part in parts)
    return Document(lines, width, height, labels, items, places)


class _Part(NamedTuple):
    """A line of text, what annotators said that it is, and the number of its group."""

    line: Line
    category: str
    group: int


def _parts(annotated: Mapping[str, Any]) -> Iterator[_Part]:
    """An annotated line in visual rows, for a long name may take two."""
    rows: dict[Any, list[Mapping[str, Any]]] = {}
    for word in annotated["words"]:
        rows.setdefault(word.get("row_id"), []).append(word)
    category, group = str(annotated.get("category", "")), annotated.get("group_id", 0)
    yield from (_Part(_line(words), category, group) for words in rows.values())


def _line(words: list[Mapping[str, Any]]) -> Line:
    ordered = sorted(words, key=lambda word: float(word["quad"]["x1"]))
    xs = [float(word["quad"][f"x{corner}"]) for word in words for corner in CORNERS]
    ys = [float(word["quad"][f"y{corner}"]) for word in words for corner in CORNERS]
    return Line(" ".join(str(word["text"]) for word in ordered), 0, min(xs), min(ys), max(xs), max(ys))


def _labels(
    parse: Mapping[str, Any], parts: Sequence[_Part]
) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """The value of each field below the items, of several readings the first, and the lines it stands in."""
    labels, places = {}, {}
    for name, category in FIELDS.items():
        group, _, key = category.partition(".")
        if value := _first(_first(parse.get(group), {}).get(key)):
            labels[name] = value
            places[name] = _numbers(parts, category)
    return labels, places


def _line_items(parse: Mapping[str, Any], parts: Sequence[_Part]) -> tuple[LineItem, ...]:
    """The items, and where each part stands, if as many groups of lines as items are annotated."""
    menu = parse.get("menu", [])
    entries = [entry for entry in (menu if isinstance(menu, list) else [menu]) if isinstance(entry, dict)]
    groups = list(dict.fromkeys(part.group for part in parts if part.category.startswith("menu.")))
    known = groups if len(groups) == len(entries) else [None] * len(entries)
    return tuple(
        LineItem(
            **{name: _first(entry.get(key)) for name, key in ITEM_PARTS.items()},
            part_lines={
                name: numbers
                for name, key in ITEM_PARTS.items()
                if group is not None and (numbers := _numbers(parts, f"menu.{key}", group))
            },
        )
        for entry, group in zip(entries, known, strict=True)
    )


def _numbers(parts: Sequence[_Part], category: str, group: int | None = None) -> tuple[int, ...]:
    return tuple(
        number
        for number, part in enumerate(parts)
        if part.category == category and group in (None, part.group)
    )


def _first(value: Any, default: Any = None) -> Any:
    """The first of several readings, or the only one."""
    found = value[0] if isinstance(value, list) and value else value
    return default if found is None or found == [] else found

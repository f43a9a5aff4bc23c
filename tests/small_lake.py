"""Delta tables with made-up rows, written without Spark."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from invoicelake.table_spec import Column, TableSpec

SIMPLE_TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_DAY = date(2024, 1, 30)
# A nullable column has no value in every row of this many.
_NULL_EVERY = 4


def arrow_type(ddl: str) -> pa.DataType:
    """The Arrow type of a column of the Spark SQL type `ddl`."""
    if ddl in SIMPLE_TYPES:
        return SIMPLE_TYPES[ddl]
    outer, inner = re.fullmatch(r"(\w+)[(<](.*)[)>]", ddl).groups()
    parts = _split(inner)
    if outer == "decimal":
        return pa.decimal128(*map(int, parts))
    if outer == "array":
        return pa.list_(arrow_type(inner))
    if outer == "map":
        return pa.map_(arrow_type(parts[0]), arrow_type(parts[1]))
    fields = [part.split(":", 1) for part in parts]
    return pa.struct([(name.strip(), arrow_type(kind.strip())) for name, kind in fields])


def arrow_schema(spec: TableSpec) -> pa.Schema:
    """The columns of a table as declared."""
    return pa.schema(
        [pa.field(each.name, arrow_type(each.type), nullable=each.nullable) for each in spec.columns]
    )


def write(lake: Path, spec: TableSpec, rows: Iterable[Mapping[str, Any]], mode: str = "append") -> None:
    """Commit rows to a table; where one lacks a column, it gets `sample_row`'s value."""
    table = pa.Table.from_pylist([spec.sample_row(**row) for row in rows], arrow_schema(spec))
    folder = lake / spec.layer / spec.name
    folder.mkdir(parents=True, exist_ok=True)
    # Spark has Arrow's large types for ordinary ones, and they come back as ordinary ones.
    write_deltalake(folder, table, mode=mode, partition_by=list(spec.partition_by) or None)


def varied_rows(spec: TableSpec, numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Rows that differ in every column, sometimes null where that may be, with no key twice.

    Text that a query of the table compares with is among the values, so that the queries find something.
    """
    texts = {column.name: _texts(spec, column.name) for column in spec.columns}
    seen = set()
    for number in numbers:
        row = {each.name: _varied(each, number, texts[each.name]) for each in spec.columns}
        key = tuple(row[name] for name in spec.key)
        if key not in seen:
            seen.add(key)
            yield row


def _texts(spec: TableSpec, column: str) -> list[str]:
    """What the queries compare a column with, and something else; many different ones in a key."""
    compared = rf"\b{column} (?:=|<>|IN \() ?(('[^']*'(?:, )?)+)"
    found = [text for query in spec.queries for text, _ in re.findall(compared, query.sql)]
    words = {word for text in found for word in re.findall(r"'([^']*)'", text)}
    others = 2 if words else 30 if spec.key == (column,) else 5
    return [*sorted(words), *(f"{column} {n}" for n in range(others))]


def _varied(column: Column, number: int, texts: list[str]) -> object:
    chance = zlib.crc32(f"{column.name} {number}".encode())
    if column.nullable and chance % _NULL_EVERY == 0:
        return None
    return _value(column.type, chance // _NULL_EVERY, texts)


def _value(ddl: str, chance: int, texts: list[str]) -> object:
    """A value of the Spark SQL type `ddl`, out of few of each type, so that rows fall into groups."""
    if ddl.startswith("decimal"):
        return Decimal(chance % 999).scaleb(-2)
    if ddl.startswith("array<"):
        return [_value(ddl[6:-1], chance // (n + 2), texts) for n in range(chance % 4)]
    if ddl.startswith("struct<"):
        fields = [part.split(":", 1) for part in _split(ddl[7:-1])]
        return {name.strip(): _value(kind.strip(), chance, texts) for name, kind in fields}
    values: dict[str, object] = {
        "string": texts[chance % len(texts)],
        "int": chance % 13,
        "bigint": chance % 13,
        "double": chance % 101 / 100,
        "boolean": chance % 2 == 0,
        "binary": bytes([chance % 5]),
        "date": _DAY + timedelta(days=chance % 70),
        "timestamp": datetime(2024, 1, 30, tzinfo=UTC) + timedelta(hours=chance % 1700),
    }
    return values[ddl]


def _split(inner: str) -> list[str]:
    """The parts between commas that lie within no further brackets."""
    parts, depth = [""], 0
    for letter in inner:
        depth += (letter in "<(") - (letter in ">)")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]

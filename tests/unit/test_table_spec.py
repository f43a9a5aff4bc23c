"""Declared tables: complete, consistent with the code that fills them, and a source of test rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from invoicelake import config
from invoicelake.models.encoding import tensor_specs
from invoicelake.models.features import FEATURES
from invoicelake.table_spec import TableSpec, load_specs

CONF = Path(__file__).resolve().parents[2] / "conf"
SPECS = load_specs(CONF / "tables")
EVERY_TABLE = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def test_what_is_rejected_has_a_table_beside_it():
    """What a row was rejected from is said by the name of the table that it is kept in."""
    rejected = [name.removesuffix("_rejected") for name in SPECS if name.endswith("_rejected")]
    assert len(rejected) > 5
    assert [name for name in rejected if name not in SPECS] == []


@EVERY_TABLE
def test_key_and_partition_are_columns_that_are_never_null(spec: TableSpec):
    columns = {column.name: column for column in spec.columns}
    assert len(columns) == len(spec.columns)
    assert not [name for name in (*spec.key, *spec.partition_by) if columns[name].nullable]


@EVERY_TABLE
def test_analysts_are_told_what_null_means(spec: TableSpec):
    unexplained = [
        column.name
        for column in spec.columns
        if column.nullable and "null" not in column.comment + spec.known_gaps
    ]
    assert unexplained == []
    assert len(spec.queries) == 3
    assert any("VERSION AS OF" in query.sql for query in spec.queries)


@EVERY_TABLE
def test_amounts_and_shares_have_a_unit(spec: TableSpec):
    missing = [
        c.name for c in spec.columns if c.name.endswith(("_minor", "_share", "score", "f1")) and not c.unit
    ]
    assert missing == []


@EVERY_TABLE
def test_gold_keeps_its_versions_for_analysts_to_go_back_to(spec: TableSpec):
    if spec.layer == "gold":
        kept = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
        assert [spec.properties.get(name) for name in kept] == ["interval 400 days"] * 2


@EVERY_TABLE
def test_sample_row_has_every_column(spec: TableSpec):
    row = spec.sample_row()
    assert list(row) == spec.column_names
    assert all(row[column.name] is not None for column in spec.columns if not column.nullable)


def test_sample_row_takes_what_a_test_is_about_and_nothing_else():
    assert SPECS["silver.label"].sample_row(field="total", value="9.00")["value"] == "9.00"
    with pytest.raises(KeyError, match=r"silver\.label has no column amount"):
        SPECS["silver.label"].sample_row(amount=1)


def test_declared_tensors_are_those_of_the_encoder():
    """The names in a declared shape stand for settings; the encoder says what the bytes are."""
    encoding = config.Encoding()
    sizes = {**encoding.model_dump(), "token_features": FEATURES}
    declared = {
        column.name: (column.tensor.dtype, tuple(sizes.get(size, size) for size in column.tensor.shape))
        for column in SPECS["gold.extractor_example"].columns
        if column.tensor
    }
    assert declared == {spec.name: (spec.dtype, spec.shape) for spec in tensor_specs(encoding)}
    assert all(np.dtype(dtype).byteorder in "|<=" for dtype, _ in declared.values())

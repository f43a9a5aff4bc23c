"""Batch scoring in Spark gives what the extractor gives by itself."""

import pytest

from invoicelake.models.bundle import load_bundle
from invoicelake.serving.batch import extract
from invoicelake.text.document import Line
from tiny_extractor import FIELDS, saved

pytestmark = [pytest.mark.slow, pytest.mark.spark]

DOCUMENTS = {
    "d1": [Line("ACME LTD", 0, 10, 10, 90, 20), Line("TOTAL 12.50", 0, 10, 40, 90, 50)],
    "d2": [Line("Café Zürich", 0, 5, 5, 60, 15)],
    "no lines": [],
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def extracted(spark, bundle):
    line = "struct<text: string, page: int, x0: double, y0: double, x1: double, y1: double>"
    rows = [
        (name, [(each.text, each.page, *map(float, each[2:])) for each in lines])
        for name, lines in DOCUMENTS.items()
    ]
    documents = spark.createDataFrame(rows, f"document_id string, lines array<{line}>")
    return extract(documents, bundle, "extractor_test", 4, partitions=2).collect()


def test_one_row_per_document_and_field(extracted):
    expected = {(name, field.name) for name in DOCUMENTS for field in FIELDS}
    assert {(row.document_id, row.field) for row in extracted} == expected
    assert len(extracted) == len(expected)


def test_values_are_the_extractors_own(extracted, bundle):
    expected = {
        (name, each.field): (each.value, each.line_numbers)
        for name, found in zip(DOCUMENTS, load_bundle(bundle).predict(list(DOCUMENTS.values())), strict=True)
        for each in found
    }
    found = {
        (row.document_id, row.field): (row.value, tuple(row.line_numbers))
        for row in extracted
        if row.value is not None
    }
    assert found == expected
    assert ("d1", "company") in found


def test_what_was_not_found_is_null_with_score_nought(extracted):
    missing = [row for row in extracted if row.document_id == "no lines"]
    assert [(row.value, row.score, row.line_numbers) for row in missing] == [(None, 0.0, [])] * len(FIELDS)


def test_rows_name_the_model(extracted):
    assert {(row.model_name, row.model_version) for row in extracted} == {("extractor_test", 4)}

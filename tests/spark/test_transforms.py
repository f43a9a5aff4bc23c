"""Pure transforms: many cases in one frame and one action each."""

from __future__ import annotations

from collections import Counter
from datetime import date

import numpy as np
import pytest

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.encoding import IGNORED, tensor_specs
from invoicelake.serving.batch import items_of
from invoicelake.sources.generated import landing
from invoicelake.training.examples import (
    encoded_examples,
    fit_vocabulary,
    vocabulary_rows,
    with_labels,
    with_line_items,
)
from invoicelake.transforms.documents import (
    accepted_documents,
    document_labels,
    document_line_items,
    parse_documents,
)
from invoicelake.transforms.invoices import published_invoices, published_line_items
from invoicelake.transforms.splits import require_splits, with_group, with_split

FIELDS = tuple(
    config.Field(name=name, kind=kind)
    for name, kind in (("company", "text"), ("date", "date"), ("address", "text"), ("total", "amount"))
)
SUITE = config.Suite(
    fields=FIELDS,
    tracking=config.Tracking(model_name="extractor_test"),
    generator=config.Generator(documents=60, suppliers=20),
    encoding=config.Encoding(min_documents=2),
)


@pytest.fixture(scope="module")
def parsed(spark):
    """Generated documents, received and parsed."""
    received = landing.receive(spark, SUITE)
    frame = parse_documents(received.documents, 1000, "EUR").persist()
    yield frame
    frame.unpersist()


@pytest.fixture(scope="module")
def divided(parsed):
    """Labelled documents with their split."""
    with_fields = with_labels(accepted_documents(parsed), document_labels(parsed), FIELDS)
    labelled = with_line_items(with_fields, document_line_items(parsed))
    frame = with_split(labelled, SUITE.split, seed=0).persist()
    yield frame
    frame.unpersist()


def test_generated_documents_do_not_depend_on_how_spark_splits_them(spark, parsed):
    some = SUITE.model_copy(update={"generator": SUITE.generator.model_copy(update={"documents": 7})})
    fewer = {
        row["document_id"] for row in landing.receive(spark, some).documents.select("document_id").collect()
    }
    all_of_them = {row["document_id"] for row in parsed.select("document_id").collect()}
    assert len(all_of_them) == 60
    assert len(fewer) == 7
    assert fewer < all_of_them


def test_no_supplier_is_on_two_sides(divided):
    rows = divided.select("supplier", "split").distinct().collect()
    assert len(rows) == len({row["supplier"] for row in rows})
    assert {row["split"] for row in rows} == {"train", "validation", "test"}


def test_split_is_drawn_by_seed_alone(divided):
    def splits(seed: int) -> dict[str, str]:
        again = with_split(divided.drop("split", "supplier_hash").repartition(3), SUITE.split, seed)
        return {row["document_id"]: row["split"] for row in again.select("document_id", "split").collect()}

    first = {row["document_id"]: row["split"] for row in divided.select("document_id", "split").collect()}
    assert splits(0) == first
    assert splits(1) != first


def test_shares_of_many_suppliers(spark):
    suppliers = spark.range(20_000).selectExpr(
        "cast(id AS string) AS supplier", "cast(id AS string) AS document_id"
    )
    counted = (
        with_split(suppliers, config.Split(validation_share=0.1, test_share=0.15), 0).groupBy("split").count()
    )
    shares = {row["split"]: row["count"] / 20_000 for row in counted.collect()}
    assert shares == pytest.approx({"train": 0.75, "validation": 0.1, "test": 0.15}, abs=0.01)


def test_a_missing_split_is_named(divided):
    with pytest.raises(JobError, match=r"no annotated documents in the validation split \(.*train \d+"):
        require_splits(divided.where("split <> 'validation'"))
    with pytest.raises(JobError, match=r"train and validation split .*none"):
        require_splits(divided.limit(0))


# document_id, supplier, group
GROUPS = [
    ("trained", "A", "trained_on"),
    ("validated", "B", "trained_on"),
    ("tested", "C", "unseen"),
    ("new of A", "A", "seen"),
    ("new of B", "B", "unseen"),  # its supplier chose the weights, but no weight saw it
    ("new of C", "C", "unseen"),
    ("nobody's", None, "unseen"),
]


def test_groups(spark):
    splits = {"trained": "train", "validated": "validation", "tested": "test"}
    columns = "document_id string, supplier string"
    known = spark.createDataFrame([case[:2] for case in GROUPS if case[0] in splits], columns)
    named = spark.createDataFrame(list(splits.items()), "document_id string, split string")
    hashed = known.selectExpr("document_id", "sha2(supplier, 256) AS supplier_hash").join(
        named, on="document_id"
    )
    documents = spark.createDataFrame([case[:2] for case in GROUPS], columns)
    found = {row["document_id"]: row["document_group"] for row in with_group(documents, hashed).collect()}
    assert found == {identity: group for identity, _, group in GROUPS}


def test_vocabulary_knows_the_training_split_alone(spark, divided):
    train = fit_vocabulary(divided.where("split = 'train'"), SUITE.encoding)
    everything = fit_vocabulary(divided, SUITE.encoding)
    assert set(everything.words) - set(train.words)
    rows = vocabulary_rows(spark, train, "generated").collect()
    assert [row["word"] for row in sorted(rows, key=lambda row: row["word_id"])] == list(train.words)
    assert {row["encoder_id"] for row in rows} == {train.identifier}


def test_examples_unpack_to_the_declared_tensors(divided, specs):
    vocabulary = fit_vocabulary(divided, SUITE.encoding)
    spec = specs["gold.extractor_example"]
    rows = encoded_examples(divided, vocabulary, FIELDS, SUITE.encoding, spec).collect()
    assert len({row["example_id"] for row in rows}) == len(rows) >= 60
    classes: Counter[int] = Counter()
    items: Counter[int] = Counter()
    for row in rows:
        arrays = {
            tensor.name: np.frombuffer(row[tensor.name], dtype=tensor.dtype).reshape(tensor.shape)
            for tensor in tensor_specs(SUITE.encoding)
        }
        is_token = np.arange(SUITE.encoding.max_tokens) < row["token_count"]
        assert ((arrays["words"] > 0) == is_token).all()
        assert ((arrays["labels"] == IGNORED).all(axis=1) == ~is_token).all()
        classes.update(np.unique(arrays["labels"][is_token, 0]).tolist())
        items.update(np.unique(arrays["labels"][is_token, 1]).tolist())
    # Every field is found in nearly every document.
    assert all(classes[number] > 0.8 * 60 for number in range(1, len(FIELDS) + 1))
    assert not items[IGNORED]
    assert all(items[2 * part + 1] for part in range(4))


# why, extracted values, currency, date, minor units
OTHERS = {
    "invoice_number": "R-1",
    "order_date": "01/04/2024",
    "due_date": "1 May 2024",
    "net": "8.00",
    "tax": "1,00-",
    "tax_rate": "12,5",
    "tax_number": "GB 123",
    "iban": "DE89 3704",
}
INVOICES = [
    ("all that is printed", {"date": "03/04/2024", "total": "9.00", **OTHERS}, "MYR", date(2024, 4, 3), 900),
    ("plain", {"date": "03/04/2024", "total": "9.00"}, "MYR", date(2024, 4, 3), 900),
    ("currency printed", {"date": "2024-04-03", "total": "€ 1.234,50"}, "EUR", date(2024, 4, 3), 123450),
    ("credit note", {"date": "3 Apr 2024", "total": "-12,00"}, "MYR", date(2024, 4, 3), -1200),
    ("no minor unit", {"date": None, "total": "JPY 1,200"}, "JPY", None, 1200),
    ("not a date", {"date": "soon", "total": "nothing"}, "MYR", None, None),
    ("nothing found", {"date": None, "total": None}, "MYR", None, None),
]
ACCEPTED = ("all that is printed", "plain", "credit note", "nothing found")
CHECKED = {"plain": ("passed", "not_checked"), "credit note": ("passed", "failed", "failed")}


def test_invoices(spark, specs):
    cells = [
        (
            why,
            field,
            value,
            0.5 if field == "date" else 0.9,
            "extractor_test",
            3,
            why in ACCEPTED and value is not None,
        )
        for why, values, *_ in INVOICES
        for field, value in {"company": "ACME", "address": None, **values}.items()
    ]
    columns = (
        "document_id string, field string, value string, score double, model_name string, model_version int, "
        "is_accepted boolean"
    )
    checks = spark.createDataFrame(
        [(why, outcome) for why, outcomes in CHECKED.items() for outcome in outcomes],
        "document_id string, outcome string",
    )
    documents = spark.createDataFrame(
        [(case[0], "sroie", case[0]) for case in INVOICES], "document_id string, source string, name string"
    )
    settings = config.Publish(currency="MYR", day_first=True)
    invoices = published_invoices(
        documents, spark.createDataFrame(cells, columns), checks, settings, specs["gold.invoice"]
    )
    rows = {row["document_id"]: row for row in invoices.collect()}
    found = [
        (why, rows[why]["currency"], rows[why]["invoice_date"], rows[why]["total_minor"])
        for why, *_ in INVOICES
    ]
    assert found == [(why, *expected) for why, _, *expected in INVOICES]
    # All values of the credit note are accepted, but it fails a check.
    assert {why for why, row in rows.items() if row["is_accepted"]} == {
        "all that is printed",
        "plain",
        "nothing found",
    }
    assert [rows[why]["fields_to_review"] for why in ("plain", "no minor unit")] == [1, 4]
    whole = rows["all that is printed"]
    assert [whole[name] for name in ("invoice_number", "tax_number", "iban")] == [
        "R-1",
        "GB 123",
        "DE89 3704",
    ]
    assert [whole[name] for name in ("order_date", "due_date")] == [date(2024, 4, 1), date(2024, 5, 1)]
    assert [whole[name] for name in ("net_minor", "tax_minor", "tax_rate")] == [800, -100, 0.125]
    assert rows["plain"]["net_minor"] is None
    first = rows["plain"]
    assert (first["company"], first["address"], first["lowest_score"], first["model_version"]) == (
        "ACME",
        None,
        0.5,
        3,
    )


ITEM = ("TEA", "2X", "@1.50", "RM 3.00", 0.9, [4])
ITEMS = [
    # document, version that read it, items
    ("a", 3, [ITEM, ("BUN", None, "none", None, 0.5, [5, 6])]),
    ("b", 2, [ITEM]),
    ("c", 3, []),
]


def test_line_items_become_numbers_and_older_versions_are_left_out(spark, specs):
    parts = "description: string, quantity: string, unit_price: string, amount: string"
    read = spark.createDataFrame(
        [(name, "extractor_test", version, items) for name, version, items in ITEMS],
        "document_id string, model_name string, model_version int, "
        f"items array<struct<{parts}, score: double, line_numbers: array<int>>>",
    )
    invoices = spark.createDataFrame(
        [(name, "sroie", name, "MYR", "extractor_test", 3) for name, *_ in ITEMS],
        "document_id string, source string, name string, currency string, "
        "model_name string, model_version int",
    )
    found = items_of(read)
    assert set(found.columns) == set(specs["silver.extracted_line_item"].column_names) - {"extracted_at"}
    rows = published_line_items(found, invoices, specs["gold.invoice_line_item"]).collect()
    assert {
        (
            row["document_id"],
            row["item_number"],
            row["quantity"],
            row["unit_price_minor"],
            row["amount_minor"],
        )
        for row in rows
    } == {("a", 1, 2.0, 150, 300), ("a", 2, None, None, None)}
    assert {row["description"]: row["amount_text"] for row in rows} == {"TEA": "RM 3.00", "BUN": None}

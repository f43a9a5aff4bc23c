"""Documents to the tensors that the extractor learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake import config
from invoicelake.models.encoding import Vocabulary, build_vocabulary, encode, tensor_specs, word_key
from invoicelake.models.known_values import values_of
from invoicelake.models.labelling import label
from invoicelake.models.tokens import tokenise
from invoicelake.table_spec import TableSpec
from invoicelake.text.document import Line, LineItem
from invoicelake.transforms.arrow import Row, map_rows


def with_labels(documents: DataFrame, labels: DataFrame, fields: Sequence[config.Field]) -> DataFrame:
    """Documents that somebody annotated, with `labels` (map of field to value) of the given fields.

    One row per document; a field that was not annotated is not in the map. `label_lines` is a map of field to
    the lines that its value stands in, if that is known.
    """
    wanted = labels.where(F.col("field").isin([field.name for field in fields]))
    entry = F.struct("field", "line_numbers")
    known = F.collect_list(F.when(F.col("line_numbers").isNotNull(), entry))
    by_document = wanted.groupBy("document_id").agg(
        F.map_from_entries(F.array_sort(F.collect_list(F.struct("field", "value")))).alias("labels"),
        F.map_from_entries(F.array_sort(known)).alias("label_lines"),
    )
    return documents.join(by_document, on="document_id", how="inner")


def with_line_items(documents: DataFrame, line_items: DataFrame) -> DataFrame:
    """Documents with their `line_items`, as in silver.line_item; null where nobody annotated any."""
    parts = F.struct("item_number", "description", "quantity", "unit_price", "amount", "part_lines")
    in_order = F.array_sort(F.collect_list(parts)).alias("line_items")
    by_document = line_items.groupBy("document_id").agg(in_order)
    return documents.join(by_document, on="document_id", how="left")


def fit_vocabulary(documents: DataFrame, settings: config.Encoding) -> Vocabulary:
    """The vocabulary of the given documents; give it those of the training split alone."""
    # The size bounds what is collected, whatever the number of documents.
    counts = word_counts(documents).orderBy(F.desc("documents"), "word").limit(settings.vocabulary_size + 1)
    return build_vocabulary([(row["word"], row["documents"]) for row in counts.collect()], settings)


def word_counts(documents: DataFrame) -> DataFrame:
    """The number of documents that hold each word, as `word` and `documents`; one row per word."""

    def words_of(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            for word in {word_key(text) for text in tokenise(_lines(row)).texts}:
                yield {"word": word}

    words = map_rows(documents.select("lines"), words_of, "word string")
    return words.groupBy("word").agg(F.count(F.lit(1)).alias("documents"))


def vocabulary_rows(spark: SparkSession, vocabulary: Vocabulary, source: str) -> DataFrame:
    """The columns of gold.extractor_vocabulary; one row per word."""
    numbers = vocabulary.numbers(vocabulary.words)
    rows = [
        (vocabulary.identifier, source, word, number)
        for word, number in zip(vocabulary.words, numbers, strict=True)
    ]
    return spark.createDataFrame(rows, "encoder_id string, source string, word string, word_id int")


def known_value_rows(
    documents: DataFrame, fields: Sequence[config.Field], source: str, training_documents: int
) -> DataFrame:
    """The columns of gold.extractor_known_value; one row per field, printed text and value.

    Args:
        documents: of the training split, with `labels`.
        fields: whose values are kept.
        source: source system of the documents.
        training_documents: how many there are.
    """

    def values_in(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            for field, printed, value in values_of(_lines(row), dict(row["labels"]), fields):
                yield {"field": field, "printed": printed, "value": value}

    found = map_rows(
        documents.select("lines", "labels"), values_in, "field string, printed string, value string"
    )
    counted = found.groupBy("field", "printed", "value").agg(F.count(F.lit(1)).alias("documents"))
    return counted.select(
        F.lit(source).alias("source"),
        "field",
        "printed",
        "value",
        "documents",
        F.lit(training_documents).cast("long").alias("training_documents"),
    )


def encoded_examples(
    documents: DataFrame,
    vocabulary: Vocabulary,
    fields: Sequence[config.Field],
    settings: config.Encoding,
    spec: TableSpec,
) -> DataFrame:
    """The columns of gold.extractor_example; one row per window of a document.

    Args:
        documents: with `labels`, `label_lines`, `line_items`, `split` and `supplier_hash`.
        vocabulary: fitted on the training split.
        fields: in the order of the target's classes.
        settings: size of the windows.
        spec: of gold.extractor_example.
    """

    def encode_all(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            lines = _lines(row)
            windows = encode(lines, vocabulary, settings)
            targets = label(
                lines,
                windows,
                dict(row["labels"]),
                fields,
                settings,
                dict(row["label_lines"]),
                [line_item(item) for item in row["line_items"] or ()],
            )
            for number, (window, target) in enumerate(zip(windows, targets, strict=True)):
                tensors = {name: array.tobytes() for name, array in window.inputs.items()}
                tensors["labels"] = target.tobytes()
                yield {
                    "example_id": f"{row['document_id']}-{number}",
                    "document_id": row["document_id"],
                    "source": row["source"],
                    "split": row["split"],
                    "supplier_hash": row["supplier_hash"],
                    "encoder_id": vocabulary.identifier,
                    "token_count": len(window.lines),
                    "tensors_sha256": _digest(tensors, settings),
                    **tensors,
                }

    columns = [name for name in spec.column_names if name != "encoded_at"]
    known = ("document_id", "source", "split", "supplier_hash")
    wanted = documents.select(*known, "lines", "labels", "label_lines", "line_items")
    return map_rows(wanted, encode_all, spec.ddl_of(*columns))


def _digest(tensors: Mapping[str, bytes], settings: config.Encoding) -> str:
    digest = hashlib.sha256()
    for tensor in tensor_specs(settings):
        digest.update(tensors[tensor.name])
    return digest.hexdigest()


def line_item(item: Row) -> LineItem:
    """A line item from a row of silver.line_item."""
    parts = {name: item[name] for name in ("description", "quantity", "unit_price", "amount")}
    return LineItem(
        **parts, part_lines={each["part"]: tuple(each["line_numbers"]) for each in item["part_lines"]}
    )


def _lines(row: Row) -> list[Line]:
    return [Line(**line) for line in row["lines"]]

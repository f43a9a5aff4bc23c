"""Documents to the tensors that the extractor learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake import config
from invoicelake.models.encoding import Vocabulary, build_vocabulary, encode, tensor_specs, word_key
from invoicelake.models.labelling import label
from invoicelake.models.tokens import tokenise
from invoicelake.table_spec import TableSpec
from invoicelake.text.document import Line
from invoicelake.transforms.arrow import Row, map_rows


def with_labels(documents: DataFrame, labels: DataFrame, fields: Sequence[config.Field]) -> DataFrame:
    """Documents that somebody annotated, with `labels` (map of field to value) of the given fields.

    One row per document; a field that was not annotated is not in the map.
    """
    wanted = labels.where(F.col("field").isin([field.name for field in fields]))
    by_document = wanted.groupBy("document_id").agg(
        F.map_from_entries(F.array_sort(F.collect_list(F.struct("field", "value")))).alias("labels")
    )
    return documents.join(by_document, on="document_id", how="inner")


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


def encoded_examples(
    documents: DataFrame,
    vocabulary: Vocabulary,
    fields: Sequence[config.Field],
    settings: config.Encoding,
    spec: TableSpec,
) -> DataFrame:
    """The columns of gold.extractor_example; one row per window of a document.

    Args:
        documents: with `labels`, `split` and `supplier_hash`.
        vocabulary: fitted on the training split.
        fields: in the order of the target's classes.
        settings: size of the windows.
        spec: of gold.extractor_example.
    """

    def encode_all(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            lines = _lines(row)
            windows = encode(lines, vocabulary, settings)
            targets = label(lines, windows, dict(row["labels"]), fields, settings)
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
    wanted = documents.select("document_id", "source", "split", "supplier_hash", "lines", "labels")
    return map_rows(wanted, encode_all, spec.ddl_of(*columns))


def _digest(tensors: Mapping[str, bytes], settings: config.Encoding) -> str:
    digest = hashlib.sha256()
    for tensor in tensor_specs(settings):
        digest.update(tensors[tensor.name])
    return digest.hexdigest()


def _lines(row: Row) -> list[Line]:
    return [Line(**line) for line in row["lines"]]

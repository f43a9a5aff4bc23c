"""Labels as exported to one label per document, field and annotator, and those given in review."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window, functions as F

KEY = ("source", "document_source", "document", "field", "annotator")


def newest_annotations(annotations: DataFrame) -> DataFrame:
    """The columns of silver.annotation; of an annotator's labels for a field of a document the newest wins.

    Of several of the same moment the last line of the last file, by name, wins.

    Args:
        annotations: bronze.annotation, whose times are sure to be ISO 8601 with a zone.
    """
    moment = F.to_timestamp("annotated_at")
    newest_first = Window.partitionBy(*KEY).orderBy(moment.desc(), F.desc("file_name"), F.desc("line_number"))
    whole = Window.partitionBy(*KEY)
    ranked = annotations.select(
        *KEY,
        "value",
        moment.alias("annotated_at"),
        "tool",
        F.count(F.lit(1)).over(whole).cast("int").alias("labels"),
        "file_name",
        "line_number",
        F.row_number().over(newest_first).alias("rank"),
    )
    return ranked.where("rank = 1").select(
        *KEY, "value", "annotated_at", "tool", "labels", "file_name", "line_number"
    )


def corrections_of(annotations: DataFrame, documents: DataFrame, tool: str) -> DataFrame:
    """The newest label given in review: `document_id`, `field`, `corrected_value`, `corrected_at`.

    Args:
        annotations: silver.annotation.
        documents: silver.document.
        tool: name of the tool that review items are corrected with.
    """
    named = documents.select(
        "document_id", F.col("source").alias("document_source"), F.col("name").alias("document")
    )
    moment = F.struct("annotated_at", "annotator", "value")
    newest = (
        annotations.where(F.col("tool") == tool)
        .join(named, on=["document_source", "document"], how="inner")
        .groupBy("document_id", "field")
        .agg(F.max(moment).alias("newest"))
    )
    return newest.select(
        "document_id",
        "field",
        F.col("newest.value").alias("corrected_value"),
        F.col("newest.annotated_at").alias("corrected_at"),
    )


def with_corrected_values(extractions: DataFrame, corrections: DataFrame) -> DataFrame:
    """Add `read_value`, what the model read, and `corrected_at`; `value` is a person's where there is one.

    One row per document and field.

    Args:
        extractions: silver.extraction.
        corrections: from `corrections_of`.
    """
    value = F.when(F.col("corrected_at").isNotNull(), F.col("corrected_value")).otherwise(F.col("read_value"))
    read = extractions.withColumnRenamed("value", "read_value")
    joined = read.join(corrections, on=["document_id", "field"], how="left")
    return joined.withColumn("value", value).drop("corrected_value")


def with_corrections(labels: DataFrame, corrections: DataFrame, fields: Sequence[str]) -> DataFrame:
    """Labels, those corrected in review as a person gave them; the columns of silver.label but its time.

    Of a document that nobody annotated the corrections count once all its fields have one: a field without a
    label would be learnt as one that the document does not have.

    Args:
        labels: silver.label.
        corrections: from `corrections_of`.
        fields: that a document should have.
    """
    whole = (
        corrections.where(F.col("field").isin(list(fields)))
        .groupBy("document_id")
        .agg(F.countDistinct("field").alias("number"))
        .where(F.col("number") == len(fields))
    )
    known = labels.select("document_id").union(whole.select("document_id")).distinct()
    value = F.when(F.col("corrected_at").isNotNull(), F.col("corrected_value")).otherwise(F.col("value"))
    # Where a corrected value stands nobody said.
    places = F.when(F.col("corrected_at").isNull(), F.col("line_numbers"))
    return (
        labels.select("document_id", "field", "value", "line_numbers")
        .join(corrections, on=["document_id", "field"], how="full")
        .join(known, on="document_id", how="left_semi")
        .select("document_id", "field", value.alias("value"), places.alias("line_numbers"))
        .where("value IS NOT NULL")
    )

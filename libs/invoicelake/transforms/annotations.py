"""Labels as exported to one label per document, field and annotator."""

from __future__ import annotations

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

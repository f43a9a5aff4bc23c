"""Every field of every invoice, accepted or not, and what a person should look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.transforms.arrow import Row, map_rows
from invoicelake.trust.acceptance import FieldRule, Reason, field_reason
from invoicelake.trust.record import TrustRecord

_ACCEPTING = (Reason.BOUND_HOLDS, Reason.CORRECTED)
_FIELDS = (
    "document_id string, source string, name string, field string, value string, read_value string, "
    "score double, probability double, is_accepted boolean, reason string, line_numbers array<int>, "
    "line_texts array<string>, model_name string, model_version int"
)


def invoice_fields(
    readings: DataFrame,
    rules: Mapping[str, FieldRule],
    record: TrustRecord | None,
    settings: config.Accept,
) -> DataFrame:
    """The columns of gold.invoice_field; one row per document and field.

    Args:
        readings: from `readings_of`.
        rules: of each field.
        record: what held-out documents showed; None where the model was never held to any.
        settings: what is asked for.
    """
    shares = record.unknown_shares if record else ()
    calibrations = record.calibrations if record else {}

    def judge(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            read, name = row["read_value"], row["field"]
            is_corrected = row["corrected_at"] is not None
            reason = (
                str(Reason.CORRECTED)
                if is_corrected
                else field_reason(
                    read, row["score"], row["unknown_share"], row["failed"], rules.get(name), shares, settings
                )
            )
            is_known = read is not None and name in calibrations and not is_corrected
            yield {
                **row,
                "probability": calibrations[name].probability(row["score"]) if is_known else None,
                "is_accepted": reason in _ACCEPTING,
                "reason": reason,
            }

    return map_rows(readings, judge, _FIELDS)


def readings_of(
    documents: DataFrame,
    extractions: DataFrame,
    checked: DataFrame,
    shares: DataFrame,
) -> DataFrame:
    """What is known of each reading: one row per document and field.

    Args:
        documents: silver.document.
        extractions: from `with_corrected_values`, of these documents.
        checked: from `checked_invoices`.
        shares: `document_id`, `unknown_share`.
    """
    failed = checked.select(
        "document_id",
        F.expr("transform(filter(findings, x -> x.outcome = 'failed'), x -> x.reason)").alias("failed"),
    )
    texts = "transform(line_numbers, number -> lines[number].text)"
    return (
        extractions.join(
            documents.select("document_id", "source", "name", "lines"), on="document_id", how="inner"
        )
        .join(failed, on="document_id", how="inner")
        .join(shares, on="document_id", how="inner")
        .select(
            *("document_id", "source", "name", "field", "value", "read_value", "score", "line_numbers"),
            F.expr(texts).alias("line_texts"),
            *("failed", "unknown_share", "corrected_at", "model_name", "model_version"),
        )
    )


def review_items(fields: DataFrame, checked: DataFrame, alternatives: DataFrame) -> DataFrame:
    """The columns of gold.review_item; one row per field that is not accepted.

    Args:
        fields: gold.invoice_field.
        checked: from `checked_invoices`, of the same documents.
        alternatives: silver.extraction_alternative.
    """
    middle = checked.groupBy("currency").agg(F.expr("percentile(abs(total_minor), 0.5)").alias("middle"))
    sized = checked.join(middle, on="currency", how="left").select(
        "document_id", "total_minor", "currency", F.expr("abs(total_minor) / nullif(middle, 0)").alias("size")
    )
    choices = alternatives.groupBy("document_id", "field", "model_name", "model_version").agg(
        F.expr(
            "transform(array_sort(collect_list(struct(rank, value, score))),"
            " x -> struct(x.value AS value, x.score AS score))"
        ).alias("alternatives")
    )
    is_of_score = F.col("reason").isin([str(reason) for reason in _OF_SCORE])
    doubt = F.when(is_of_score, 1 - F.coalesce("probability", F.lit(0.0))).otherwise(F.lit(1.0))
    return (
        fields.where("NOT is_accepted")
        .join(sized, on="document_id", how="inner")
        .join(choices, on=["document_id", "field", "model_name", "model_version"], how="left")
        .select(
            *("document_id", "source", "name", "field", "value", "probability", "reason"),
            F.coalesce("alternatives", F.expr("array()")).alias("alternatives"),
            *("line_texts", "total_minor", "currency"),
            # An invoice whose total was not read counts as one of middle size.
            (doubt * F.coalesce("size", F.lit(1.0))).alias("value_at_stake"),
            *("model_name", "model_version"),
        )
    )


# Reasons that leave the probability as the measure of doubt; the others say that something is wrong.
_OF_SCORE = (
    Reason.SCORE_TOO_LOW,
    Reason.SHIFTED,
    Reason.TOO_FEW_HELD_OUT,
    Reason.NO_BOUND,
    Reason.NOT_CALIBRATED,
)

"""What of a batch is accepted, by what was found in held-out documents."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.tracking import RegisteredModel
from invoicelake.trust.acceptance import FieldRule, HeldOut, field_rules
from invoicelake.trust.bounds import chosen_cut
from invoicelake.trust.record import TrustRecord

log = logging.getLogger(__name__)

_COMPARED_DOCUMENTS = 10_000
_ACCEPTANCE = (
    "source string, field string, model_name string, model_version int, max_error double, confidence double, "
    "comparison string, score_above double, error_bound double, held_out bigint, held_out_accepted bigint, "
    "held_out_wrong bigint, held_out_needed bigint, excess_share double, documents bigint, accepted bigint"
)


def read_by(extractions: DataFrame, documents: DataFrame, model: RegisteredModel) -> DataFrame:
    """What the model version read in these documents.

    Raises:
        JobError: nothing.
    """
    is_of_model = (F.col("model_name") == model.name) & (F.col("model_version") == model.version)
    found = extractions.where(is_of_model).join(
        documents.select("document_id"), on="document_id", how="left_semi"
    )
    if found.isEmpty():
        raise JobError(
            f"silver.extraction holds nothing that {model.name} version {model.version} read in these "
            "documents; run extract_fields"
        )
    return found


def batch_rules(
    examples: DataFrame,
    extractions: DataFrame,
    shares: DataFrame,
    record: TrustRecord | None,
    settings: config.Accept,
) -> dict[str, FieldRule]:
    """What of each field is accepted; of a large batch a part is compared with the held-out documents.

    Args:
        examples: gold.calibration_example, of the model version.
        extractions: silver.extraction, of the batch.
        shares: `document_id` and `unknown_share`, of the batch.
        record: what held-out documents showed; None where the model was never held to any.
        settings: what is asked for.
    """
    held_out = held_out_readings(examples, settings.comparison)
    # The same documents on every run.
    compared = shares.orderBy(F.xxhash64("document_id"), "document_id").limit(_COMPARED_DOCUMENTS)
    batch_shares = [row["unknown_share"] for row in compared.collect()]
    read = extractions.where("value IS NOT NULL").join(compared, on="document_id", how="inner")
    scores: dict[str, list[float]] = {}
    for row in read.select("field", "score").collect():
        scores.setdefault(row["field"], []).append(row["score"])
    rules = field_rules(held_out, record.unknown_shares if record else (), scores, batch_shares, settings)
    for name, rule in sorted(rules.items()):
        log.info(
            "%s: accepted above %s, %d of %d held-out readings, error below %s; unlike them: %.3f",
            *(name, rule.cut.above, rule.cut.accepted, rule.cut.held_out, rule.cut.error_bound, rule.excess),
        )
    return rules


def held_out_readings(examples: DataFrame, comparison: config.Comparison) -> dict[str, HeldOut]:
    """By field, the scores of held-out readings and whether each was right.

    Args:
        examples: gold.calibration_example, of one model version.
        comparison: when a value counts as right.
    """
    rows = examples.select(
        "field", "score", F.col(f"is_right_{comparison}").alias("is_right"), "supplier"
    ).collect()
    names = sorted({row["field"] for row in rows})
    by_field = {name: [row for row in rows if row["field"] == name] for name in names}
    return {
        name: HeldOut(
            [row["score"] for row in mine],
            [row["is_right"] for row in mine],
            [row["supplier"] for row in mine],
        )
        for name, mine in by_field.items()
    }


def acceptance_rows(
    fields: DataFrame, rules: Mapping[str, FieldRule], model: RegisteredModel, suite: config.Suite
) -> DataFrame:
    """The columns of gold.field_acceptance; one row per field.

    Args:
        fields: gold.invoice_field, of the batch.
        rules: of each field that a held-out document had.
        model: that read the batch.
        suite: names the source, and what is asked for.
    """
    settings = suite.accept
    no_cut = chosen_cut((), (), settings.max_error, settings.confidence)
    nothing = FieldRule(no_cut, no_cut, 0.0)
    counts = fields.groupBy("field").agg(
        F.count(F.lit(1)).alias("documents"), F.sum(F.col("is_accepted").cast("int")).alias("accepted")
    )
    rows = []
    for row in counts.collect():
        rule = rules.get(row["field"], nothing)
        rows.append(
            (
                *(suite.input.format, row["field"], model.name, model.version),
                *(settings.max_error, settings.confidence, settings.comparison),
                *(rule.cut.above, rule.cut.error_bound, rule.cut.held_out, rule.cut.accepted, rule.cut.wrong),
                *(rule.cut.needed, rule.excess, row["documents"], row["accepted"]),
            )
        )
    return fields.sparkSession.createDataFrame(rows, _ACCEPTANCE)

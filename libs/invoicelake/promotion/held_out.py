"""What a model version read in documents that it was held to, and how its scores become probabilities."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from invoicelake import config
from invoicelake.evaluation.meaning import verdicts
from invoicelake.evaluation.metrics import HELD_OUT
from invoicelake.promotion.contest import Entry
from invoicelake.serving.familiarity import unknown_shares
from invoicelake.transforms.documents import accepted_documents
from invoicelake.trust.calibration import chosen_calibration
from invoicelake.trust.record import TrustRecord
from invoicelake.trust.reliability import expected_calibration_error

log = logging.getLogger(__name__)

_EXAMPLES = (
    "model_name string, model_version int, document_id string, field string, document_group string, "
    "supplier string, score double, unknown_share double, "
    "is_right_meaning boolean, is_right_exact boolean, is_right_nospace boolean, is_right_alnum boolean"
)
Example = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class Calibrated:
    """Held-out readings of one field.

    Attributes:
        probabilities: by a calibration that was fitted without the reading's supplier.
        is_right: whether each of them was right.
    """

    probabilities: Sequence[float]
    is_right: Sequence[bool]


def calibration_examples(entry: Entry, parsed: DataFrame, bundle: Path, suite: config.Suite) -> list[Example]:
    """The rows of gold.calibration_example: every field read in a document new to the model.

    Args:
        entry: the model version with what it read.
        parsed: the documents that it read.
        bundle: folder of the extractor.
        suite: with the kinds of the fields, and how values are published.
    """
    documents = accepted_documents(parsed)
    known = documents.select("document_id", "supplier").join(
        unknown_shares(documents, bundle), on="document_id", how="inner"
    )
    told = {row["document_id"]: row for row in known.collect()}
    suppliers = {name: (row["supplier"], row["unknown_share"]) for name, row in told.items()}
    return list(_examples(entry, suppliers, suite))


def _examples(
    entry: Entry, told: Mapping[str, tuple[str | None, float]], suite: config.Suite
) -> Iterator[Example]:
    for document, scored in zip(entry.documents, entry.scored, strict=True):
        if document.group not in HELD_OUT:
            continue
        supplier, unknown_share = told[document.document_id]
        for name, read in document.predictions.items():
            yield {
                "model_name": entry.model.name,
                "model_version": entry.model.version,
                "document_id": document.document_id,
                "field": name,
                "document_group": str(document.group),
                "supplier": supplier or document.document_id,
                "score": read.score,
                "unknown_share": unknown_share,
                **verdicts(suite.kind_of(name), read.value, scored.truths.get(name, ""), suite.publish),
            }


def example_rows(spark: SparkSession, examples: Sequence[Example]) -> DataFrame:
    """The columns of gold.calibration_example."""
    names = [column.split()[0] for column in _EXAMPLES.split(", ")]
    return spark.createDataFrame([tuple(each[name] for name in names) for each in examples], _EXAMPLES)


def fitted_record(
    entry: Entry, examples: Sequence[Example], comparison: config.Comparison
) -> tuple[TrustRecord, dict[str, Calibrated]]:
    """The calibration of each field that was read, and how far it can be trusted on other suppliers."""
    calibrations, outside = {}, {}
    for name in entry.scores.fields:
        mine = [each for each in examples if each["field"] == name]
        if not mine:
            continue
        is_right = [bool(each[f"is_right_{comparison}"]) for each in mine]
        scores, suppliers = [float(each["score"]) for each in mine], [str(each["supplier"]) for each in mine]
        calibrations[name], probabilities = chosen_calibration(scores, is_right, suppliers)
        outside[name] = Calibrated(probabilities.tolist(), is_right)
        log.info("%s: %s calibration on %d readings", name, calibrations[name].method, len(mine))
    shares = {str(each["document_id"]): float(each["unknown_share"]) for each in examples}
    rising = tuple(sorted(shares.values()))
    return TrustRecord(entry.model.name, entry.model.version, calibrations, rising), outside


def calibration_metrics(outside: Mapping[str, Calibrated]) -> dict[str, float]:
    """Expected calibration error of all readings and of each field, on suppliers not calibrated on."""
    everything = Calibrated(
        [each for field in outside.values() for each in field.probabilities],
        [each for field in outside.values() for each in field.is_right],
    )
    named = {"": everything, **{f"_{name}": field for name, field in outside.items()}}
    return {
        f"calibration_error{suffix}": round(expected_calibration_error(each.probabilities, each.is_right), 4)
        for suffix, each in named.items()
        if each.is_right
    }

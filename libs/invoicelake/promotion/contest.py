"""Champion and challenger read the same documents; the better one is champion from then on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.evaluation.bootstrap import Difference, paired_difference
from invoicelake.evaluation.drawing import FieldRead, ReadDocument
from invoicelake.evaluation.metrics import HELD_OUT, Group, Scored, Scores, score
from invoicelake.serving.batch import extract
from invoicelake.tables import Lake
from invoicelake.tracking import RegisteredModel, Tracking
from invoicelake.training.examples import with_labels
from invoicelake.transforms.documents import accepted_documents, document_labels
from invoicelake.transforms.splits import with_group

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """A model version and what it read; the documents come without their lines."""

    model: RegisteredModel
    documents: Sequence[ReadDocument]
    scored: Sequence[Scored]
    scores: Scores


def entry(
    parsed: DataFrame,
    lake: Lake,
    tracking: Tracking,
    model: RegisteredModel,
    fields: Sequence[config.Field],
    partitions: int,
) -> Entry:
    """Have a model version read the labelled documents among `parsed`, and score it.

    Raises:
        JobError: no document is labelled.
    """
    labelled = with_labels(accepted_documents(parsed), document_labels(parsed), fields)
    grouped = with_group(labelled, _training_set(lake, tracking, model))
    with tracking.bundle(model) as bundle:
        extractions = extract(labelled, bundle, model.name, model.version, partitions)
        read = F.collect_list(F.struct("field", "value", "score", "line_numbers")).alias("read")
        by_document = extractions.where("value IS NOT NULL").groupBy("document_id").agg(read)
        rows = (
            grouped.select("document_id", "document_group", "labels")
            .join(by_document, on="document_id", how="left")
            .orderBy("document_id")
            .collect()
        )
    if not rows:
        raise JobError(
            f"no labelled documents to score: none has a label of {', '.join(field.name for field in fields)}"
        )
    documents = [
        ReadDocument(
            row["document_id"],
            Group(row["document_group"]),
            (),
            row["labels"],
            {
                each["field"]: FieldRead(each["value"], each["score"], tuple(each["line_numbers"]))
                for each in row["read"] or ()
            },
        )
        for row in rows
    ]
    scored = [document.scored() for document in documents]
    return Entry(model, documents, scored, score(scored, [field.name for field in fields]))


def _training_set(lake: Lake, tracking: Tracking, model: RegisteredModel) -> DataFrame:
    """The examples that the model version was trained on."""
    tags = tracking.run_tags(model)
    return lake.read(tags["training_table"], int(tags["training_table_version"])).where(
        F.col("source") == tags["source"]
    )


@dataclass(frozen=True)
class Outcome:
    """How a contest ended.

    Attributes:
        chosen: the entry whose model is champion from now on.
        other: the entry of the other one; None where there was no contest.
        difference: what the challenger was better than the champion.
    """

    chosen: Entry
    other: Entry | None = None
    difference: Difference | None = None


def decide(entries: Sequence[Entry], tracking: Tracking, seed: int) -> Outcome:
    """Choose the champion, and move the aliases.

    A challenger wins where it reads what neither was trained on better than the champion (exact micro F1)
    beyond noise: when their suppliers are drawn anew, the interval of 95% of its gains is above 0. Otherwise,
    and without a document new to both, the champion stays.
    """
    champion, challenger = entries[0], entries[-1]
    if champion is challenger:
        if tracking.is_challenger(champion.model):
            tracking.promote(champion.model)
        return Outcome(champion)
    difference = _difference(champion, challenger, seed)
    log.info("on %d documents new to both the challenger gains %.4f (%.4f to %.4f)", *astuple(difference))
    if difference.is_beyond_noise:
        tracking.promote(challenger.model)
        return Outcome(challenger, champion, difference)
    tracking.reject(challenger.model)
    return Outcome(champion, challenger, difference)


def _difference(champion: Entry, challenger: Entry, seed: int) -> Difference:
    new = _held_out(champion) & _held_out(challenger)
    return paired_difference(champion.scored, challenger.scored, champion.scores.fields, new, seed=seed)


def _held_out(entry: Entry) -> set[str]:
    return {item.document_id for item in entry.scored if item.group in HELD_OUT}

"""Champion and challenger read the same documents; the better one is champion from then on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, functions as F

from invoicelake import config
from invoicelake.errors import JobError
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


def decide(entries: Sequence[Entry], tracking: Tracking) -> Entry:
    """The entry whose model is champion from now on.

    A challenger wins where it reads no worse than the champion (exact micro F1) what neither was trained on;
    on a tie the newer one has seen the newer data. Without a document new to both, the champion stays.
    """
    champion, challenger = entries[0], entries[-1]
    if champion is challenger:
        if tracking.is_challenger(champion.model):
            tracking.promote(champion.model)
        return champion
    new = {item.document_id for item in champion.scored if item.group in HELD_OUT}
    new &= {item.document_id for item in challenger.scored if item.group in HELD_OUT}
    f1s = [
        score([item for item in each.scored if item.document_id in new], each.scores.fields).of("exact").f1
        for each in (champion, challenger)
    ]
    log.info("on %d documents new to both: champion %.4f, challenger %.4f", len(new), *f1s)
    if new and f1s[1] >= f1s[0]:
        tracking.promote(challenger.model)
        return challenger
    tracking.reject(challenger.model)
    return champion

"""What is accepted of generated documents as they are, and with 3, 10 and 25 % of the characters misread."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from invoicelake import config
from invoicelake.evaluation.meaning import is_right
from invoicelake.promotion.acceptance import held_out_readings
from invoicelake.serving.batch import extract
from invoicelake.serving.familiarity import unknown_shares
from invoicelake.sources.generated.documents import generate
from invoicelake.sources.generated.faults import with_faults
from invoicelake.tracking import RegisteredModel, open_tracking
from invoicelake.transforms.arrow import Row, map_rows
from invoicelake.trust.acceptance import HeldOut, Reason, field_reason, field_rules
from invoicelake.trust.record import TrustRecord

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from invoicelake.job import Run

# Below the logger of the package, whose lines are shown.
log = logging.getLogger("invoicelake.benchmarks.acceptance")

GRADES = {"clean": 0.0, "light": 0.03, "middling": 0.1, "heavy": 0.25}
DOCUMENTS = 300
# Behind all that are read otherwise.
FIRST = 1_000_000
_LINES = "array<struct<text: string, page: int, x0: double, y0: double, x1: double, y1: double>>"
_DOCUMENTS = f"document_id string, grade string, labels map<string, string>, lines {_LINES}"


def read_in_grades(run: Run, model: RegisteredModel, examples: DataFrame) -> dict[str, float | str]:
    """What is accepted of generated documents whose characters are misread, grade by grade."""
    suite = run.suite
    with open_tracking(suite.tracking, suite.lake.path).bundle(model) as bundle:
        documents = _degraded(run).persist()
        shares = {
            row["document_id"]: row["unknown_share"] for row in unknown_shares(documents, bundle).collect()
        }
        extractions = extract(documents, bundle, model.name, model.version, run.workers)
        read = [row.asDict() for row in extractions.collect()]
        record = TrustRecord.load(bundle, model.name, model.version) or TrustRecord(model.name, model.version)
    told = {row["document_id"]: row.asDict() for row in documents.drop("lines").collect()}
    held_out = held_out_readings(examples, suite.accept.comparison)
    found: dict[str, float | str] = {}
    for row in read:
        label = dict(told[row["document_id"]]["labels"]).get(row["field"], "")
        row["is_wrong"] = not is_right(
            suite.kind_of(row["field"]), row["value"] or "", label, suite.accept.comparison, suite.publish
        )
    for grade in GRADES:
        mine = [row for row in read if told[row["document_id"]]["grade"] == grade]
        found |= _graded(grade, mine, shares, held_out, record, suite.accept)
    return found


def _degraded(run: Run) -> DataFrame:
    """Each document in every grade."""
    settings, seed = run.suite.generator, run.suite.seed

    def make(rows: Iterator[Row]) -> Iterable[Row]:
        for row in rows:
            whole = generate(FIRST + row["id"], seed, settings)
            for grade, share in GRADES.items():
                draw = random.Random(f"{seed}/{grade}/{row['id']}")
                lines = with_faults(draw, list(whole.lines), share) if share else whole.lines
                yield {
                    "document_id": f"{grade}-{row['id']}",
                    "grade": grade,
                    "labels": list(whole.labels.items()),
                    "lines": [line._asdict() for line in lines],
                }

    return map_rows(run.spark.range(DOCUMENTS, numPartitions=run.workers), make, _DOCUMENTS)


def _graded(
    grade: str,
    read: Sequence[Row],
    shares: dict[str, float],
    held_out: dict[str, HeldOut],
    record: TrustRecord,
    settings: config.Accept,
) -> dict[str, float]:
    """Of all fields of documents of a grade: how many are accepted, and how many of these are wrong."""
    documents = {row["document_id"] for row in read}
    scores = {
        name: [row["score"] for row in read if row["field"] == name and row["value"] is not None]
        for name in held_out
    }
    in_batch = [shares[name] for name in sorted(documents)]
    rules = field_rules(held_out, record.unknown_shares, scores, in_batch, settings)
    counts = {"accepted": 0, "wrong": 0, "unguarded": 0, "unguarded_wrong": 0, "read": 0, "read_wrong": 0}
    for row in read:
        rule = rules.get(row["field"])
        reason = field_reason(
            row["value"], row["score"], shares[row["document_id"]], (), rule, record.unknown_shares, settings
        )
        is_unguarded = bool(rule and row["value"] is not None and rule.unshifted.accepts(row["score"]))
        for kind, is_in in (
            ("read", row["value"] is not None),
            ("unguarded", is_unguarded),
            ("accepted", reason == Reason.BOUND_HOLDS),
        ):
            counts[kind] += is_in
            counts["wrong" if kind == "accepted" else f"{kind}_wrong"] += is_in and row["is_wrong"]
    log.info(
        "%s: %s, excess %s", grade, counts, {name: round(rule.excess, 3) for name, rule in rules.items()}
    )
    return {
        f"accepted_share_{grade}": round(counts["accepted"] / len(read), 4),
        f"accepted_error_{grade}": round(counts["wrong"] / max(counts["accepted"], 1), 4),
        f"unguarded_share_{grade}": round(counts["unguarded"] / len(read), 4),
        f"unguarded_error_{grade}": round(counts["unguarded_wrong"] / max(counts["unguarded"], 1), 4),
        f"read_error_{grade}": round(counts["read_wrong"] / max(counts["read"], 1), 4),
    }

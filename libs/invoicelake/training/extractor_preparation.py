"""What the lake holds for training: pinned splits, and the vocabulary that they were encoded with."""

from __future__ import annotations

from pyspark.sql import functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.encoding import Vocabulary
from invoicelake.models.known_values import KnownValue, KnownValues
from invoicelake.tables import Lake
from invoicelake.training.extractor_task import ExtractorTask
from invoicelake.training.job import TrainingJob
from invoicelake.training.preparation import pinned_job

EXAMPLES, VOCABULARY = "gold.extractor_example", "gold.extractor_vocabulary"
KNOWN_VALUES = "gold.extractor_known_value"


def prepared_training(lake: Lake, suite: config.Suite) -> tuple[TrainingJob, Vocabulary, KnownValues]:
    """The training job on the newest version of the training set, its vocabulary and its values.

    Raises:
        JobError: there is no training set of the input's source system.
    """
    vocabulary = _vocabulary(lake, suite.input.format)
    known = _known_values(lake, suite.input.format)
    task = ExtractorTask.of(suite, vocabulary, known.identifier)
    job = pinned_job(lake, EXAMPLES, suite.input.format, task, suite.training, suite.seed)
    return job, vocabulary, known


def _known_values(lake: Lake, source: str) -> KnownValues:
    rows = lake.read(KNOWN_VALUES).where(F.col("source") == source).collect()
    values = (KnownValue(row["field"], row["printed"], row["value"], row["documents"]) for row in rows)
    return KnownValues(tuple(sorted(values)), rows[0]["training_documents"] if rows else 0)


def _vocabulary(lake: Lake, source: str) -> Vocabulary:
    """The vocabulary of the source's examples, all of which were encoded with one."""
    used = lake.read(EXAMPLES).where(F.col("source") == source).select("encoder_id").distinct().collect()
    if len(used) != 1:
        raise JobError(f"no training set of {source} documents in {lake.path}; run build_training_set first")
    rows = (
        lake.read(VOCABULARY).where(F.col("encoder_id") == used[0]["encoder_id"]).orderBy("word_id").collect()
    )
    vocabulary = Vocabulary(tuple(row["word"] for row in rows))
    if vocabulary.identifier != used[0]["encoder_id"]:
        raise JobError(f"{VOCABULARY} does not hold the words of {EXAMPLES}; run build_training_set again")
    return vocabulary

"""What the lake holds for training: pinned splits, and the vocabulary that they were encoded with."""

from __future__ import annotations

from pyspark.sql import functions as F

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.models.encoding import Vocabulary
from invoicelake.tables import Lake, require_writable
from invoicelake.training.job import TrainingJob

EXAMPLES, VOCABULARY = "gold.extractor_example", "gold.extractor_vocabulary"


def prepared_training(lake: Lake, suite: config.Suite) -> tuple[TrainingJob, Vocabulary]:
    """The training job on the newest version of the training set, and its vocabulary.

    Raises:
        JobError: there is no training set of the input's source system.
    """
    vocabulary = _vocabulary(lake, suite.input.format)
    version = lake.version(EXAMPLES)
    train, validation = (
        lake.pin(EXAMPLES, {"source": suite.input.format, "split": split}, version)
        for split in ("train", "validation")
    )
    checkpoints = lake.side_folder("checkpoints")
    require_writable(checkpoints)
    job = TrainingJob(
        train=train,
        validation=validation,
        model=suite.model,
        encoding=suite.encoding,
        fields=suite.fields,
        vocabulary_size=vocabulary.size,
        encoder_id=vocabulary.identifier,
        training=suite.training,
        seed=suite.seed,
        checkpoints=checkpoints,
    )
    return job, vocabulary


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

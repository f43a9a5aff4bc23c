"""Train an extractor on documents at hand, in this process: for benchmarks and other trials without Spark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from invoicelake import config
from invoicelake.models.bundle import Extractor
from invoicelake.models.encoding import Vocabulary, build_vocabulary, encode, tensor_specs, word_key
from invoicelake.models.known_values import KnownValues, known_values
from invoicelake.models.labelling import label
from invoicelake.models.tokens import tokenise
from invoicelake.models.transfer import initial_weights
from invoicelake.tables import PinnedTable, pin_files
from invoicelake.training.checkpoints import read_weights
from invoicelake.training.extractor_task import ExtractorTask
from invoicelake.training.folds import LabelledDocument
from invoicelake.training.job import TrainingJob
from invoicelake.training.launchers import launcher
from invoicelake.training.loop import train_rank

_NEVER_S = 1e9


def train_directly(
    documents: Sequence[LabelledDocument],
    suite: config.Suite,
    folder: Path,
    seed: int,
    begin_from: Extractor | None = None,
) -> Extractor:
    """Train on all of the documents, with one rank in this process.

    Without documents to choose an epoch by, the weights are those of the epoch of least training loss.

    Args:
        documents: to learn from.
        suite: fields, encoding, model and training.
        folder: empty; holds tables and checkpoints.
        seed: of the weights and of every draw.
        begin_from: an extractor whose weights are the first; none: drawn ones.
    """
    vocabulary = vocabulary_of(documents, suite.encoding)
    initial = initial_weights(begin_from, suite, vocabulary, seed) if begin_from else ()
    task = ExtractorTask.of(suite, vocabulary, initial=initial)
    own = {"launcher": "inprocess", "processes": 1, "checkpoint_every_s": _NEVER_S}
    training = suite.training.model_copy(update=own)
    examples = _written(folder / "train", documents, vocabulary, suite)
    none = PinnedTable("none", str(folder), 0, (), ())
    job = TrainingJob(task, examples, none, training, seed, str(folder / "checkpoints"))
    (result,) = launcher(training).train(lambda rank: train_rank(job, rank), 1)
    if result is None:
        raise AssertionError("the only rank is the chief, which returns the result")
    weights = tuple(read_weights(result.weights_file))
    known = known_values([(each.lines, each.labels) for each in documents], suite.fields)
    values = KnownValues(tuple(known), len(documents))
    reads_items = suite.line_items.read
    return Extractor(suite.model, suite.encoding, suite.fields, vocabulary, weights, values, reads_items)


def vocabulary_of(documents: Iterable[LabelledDocument], settings: config.Encoding) -> Vocabulary:
    """The vocabulary of the given documents."""
    counts = Counter(
        word for document in documents for word in {word_key(text) for text in tokenise(document.lines).texts}
    )
    return build_vocabulary(list(counts.items()), settings)


def _written(
    folder: Path, documents: Sequence[LabelledDocument], vocabulary: Vocabulary, suite: config.Suite
) -> PinnedTable:
    """The tensors of the documents as a Delta table of one version."""
    import pyarrow as pa
    from deltalake import write_deltalake

    columns: dict[str, list[Any]] = {spec.name: [] for spec in tensor_specs(suite.encoding)}
    keys = []
    for document in documents:
        windows = encode(document.lines, vocabulary, suite.encoding)
        targets = label(
            document.lines,
            windows,
            document.labels,
            suite.fields,
            suite.encoding,
            document.label_lines,
            document.line_items,
        )
        for number, (window, target) in enumerate(zip(windows, targets, strict=True)):
            keys.append(f"{document.document_id}-{number}")
            for name, array in {**window.inputs, "labels": target}.items():
                columns[name].append(array.tobytes())
    write_deltalake(folder, pa.table({"example_id": keys, **columns}))
    return pin_files("examples", str(folder), 0, {})

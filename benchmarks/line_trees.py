"""Lines of receipts classified by Spark ML: Word2Vec and hand-made features, topics, gradient-boosted trees.

A line is described by its place, its letters, the mean of its words' vectors (Word2Vec) and the topics of its
document (LDA); one GBT classifier a field says whether the field stands in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pyspark.ml import Pipeline
from pyspark.ml.classification import GBTClassifier
from pyspark.ml.clustering import LDA
from pyspark.ml.feature import CountVectorizer, VectorAssembler, Word2Vec
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import DataFrame, SparkSession, functions as F

from invoicelake import config
from invoicelake.models.decoding import Prediction
from invoicelake.models.features import page_boxes
from invoicelake.models.labelling import token_classes
from invoicelake.models.tokens import reading_rows, tokenise
from invoicelake.models.vocabulary import word_key
from invoicelake.text.amounts import find_amounts, minor_units
from invoicelake.text.dates import find_dates
from invoicelake.text.document import Line
from invoicelake.training.folds import LabelledDocument

_VECTOR, _TOPICS, _ITERATIONS, _DEPTH = 16, 8, 20, 5
_FEWEST = 3
_PARTITIONS = 2
_LIKELY = 0.5
_COLUMNS = "document int, line int, words array<string>, shape array<double>, classes array<int>"


class LineTrees:
    """Fitted on documents in a Spark session; reads others in the same.

    Args:
        spark: session.
        documents: to learn from.
        fields: in the order of the classes.
        seed: of every draw.
    """

    def __init__(
        self,
        spark: SparkSession,
        documents: Sequence[LabelledDocument],
        fields: Sequence[config.Field],
        seed: int,
    ) -> None:
        self._spark, self._fields = spark, tuple(fields)
        lines = self._frame([(each.lines, each.labels) for each in documents]).persist()
        self._words = _words(seed).fit(lines)
        self._topics = _topics(seed).fit(_whole(lines))
        described = self._described(lines).persist()
        self._trees = [_tree(described, number, seed) for number in range(1, 1 + len(fields))]
        described.unpersist()
        lines.unpersist()

    @property
    def nodes(self) -> int:
        """Nodes of all trees."""
        return sum(tree.totalNumNodes for tree in self._trees)

    def predict(self, documents: Sequence[Sequence[Line]]) -> list[list[Prediction]]:
        """The fields of each document, from its lines."""
        found = self._described(self._frame([(lines, {}) for lines in documents]))
        for tree in self._trees:
            found = tree.transform(found)
        likely = [
            vector_to_array(F.col(tree.getProbabilityCol()))[1].alias(tree.getProbabilityCol())
            for tree in self._trees
        ]
        chances = np.zeros((len(self._fields), sum(map(len, documents))))
        firsts = np.cumsum([0, *map(len, documents)])
        for row in found.select("document", "line", *likely).collect():
            chances[:, firsts[row["document"]] + row["line"]] = row[2:]
        return [
            [
                prediction
                for field, mine in zip(self._fields, chances[:, first : first + len(lines)], strict=True)
                if len(lines) and (prediction := _read(field, lines, mine))
            ]
            for first, lines in zip(firsts, documents, strict=False)
        ]

    def _frame(self, documents: Sequence[tuple[Sequence[Line], Mapping[str, str]]]) -> DataFrame:
        rows = [row for number, each in enumerate(documents) for row in _rows(number, *each, self._fields)]
        frame = self._spark.createDataFrame(rows, _COLUMNS).repartition(_PARTITIONS, "document")
        return frame.withColumn("shape", array_to_vector(F.col("shape")))

    def _described(self, lines: DataFrame) -> DataFrame:
        """Lines with all that is known of each as `features`."""
        topics = self._topics.transform(_whole(lines)).select("document", "topics")
        joined = self._words.transform(lines).join(topics, on="document", how="left")
        parts = VectorAssembler(inputCols=["shape", "word_vector", "topics"], outputCol="features")
        return parts.transform(joined).select("document", "line", "classes", "features")


def _whole(lines: DataFrame) -> DataFrame:
    """The words of each document."""
    return lines.groupBy("document").agg(F.flatten(F.collect_list("words")).alias("words"))


def _words(seed: int) -> Word2Vec:
    return Word2Vec(
        vectorSize=_VECTOR, minCount=_FEWEST, seed=seed, inputCol="words", outputCol="word_vector"
    )


def _topics(seed: int) -> Pipeline:
    counts = CountVectorizer(minDF=_FEWEST, inputCol="words", outputCol="counts")
    topics = LDA(k=_TOPICS, maxIter=10, seed=seed, featuresCol="counts", topicDistributionCol="topics")
    return Pipeline(stages=[counts, topics])


def _tree(described: DataFrame, number: int, seed: int) -> Any:
    labelled = described.withColumn("label", F.array_contains("classes", number).cast("double"))
    trees = GBTClassifier(maxIter=_ITERATIONS, maxDepth=_DEPTH, seed=seed, predictionCol=f"field_{number}")
    named = trees.setProbabilityCol(f"probability_{number}").setRawPredictionCol(f"raw_{number}")
    return named.fit(labelled)


def _rows(
    number: int, lines: Sequence[Line], labels: Mapping[str, str], fields: Sequence[config.Field]
) -> Iterator[tuple[Any, ...]]:
    tokens = tokenise(lines)
    classes = token_classes(lines, labels, fields)
    shapes = _shapes(lines)
    for k, line in enumerate(lines):
        words = [word for text in line.text.split() if (word := word_key(text))]
        yield number, k, words, shapes[k], sorted(set(classes[tokens.lines == k].tolist()) - {0})


def _shapes(lines: Sequence[Line]) -> list[list[float]]:
    """Place on the page, letters and amounts of each line, and those of the lines beside it."""
    shares, heights = page_boxes(lines)
    row_of = {number: row for row, members in enumerate(reading_rows(lines)) for number in members}
    rows = max(row_of.values(), default=0) + 1
    amounts = [
        max((abs(minor_units(match.text) or 0) for match in find_amounts(line.text)), default=0)
        for line in lines
    ]
    largest = max(amounts, default=0) or 1
    own = [
        [
            *map(float, shares[k]),
            float(heights[k][3] - heights[k][1]),
            float(row_of[k]),
            float(rows - row_of[k]),
            float(len(line.text)),
            sum(map(str.isdigit, line.text)) / max(len(line.text), 1),
            sum(map(str.isalpha, line.text)) / max(len(line.text), 1),
            float(line.text.endswith(",")),
            amounts[k] / largest,
            float(bool(find_dates(line.text))),
            float("TOTAL" in line.text.upper()),
        ]
        for k, line in enumerate(lines)
    ]
    beside = [[0.0] * len(own[0]) if own else [], *own, [0.0] * len(own[0]) if own else []]
    return [[*own[k], *beside[k], *beside[k + 2]] for k in range(len(own))]


def _read(field: config.Field, lines: Sequence[Line], chance: Any) -> Prediction | None:
    best = int(np.argmax(chance))
    if field.kind == "text":
        chosen = np.flatnonzero(chance > _LIKELY) if chance[best] > _LIKELY else np.array([best])
        value = " ".join(" ".join(lines[number].text for number in chosen).split())
        return Prediction(field.name, value, float(chance[best]), tuple(chosen.tolist()))
    find = find_dates if field.kind == "date" else find_amounts
    for number in np.argsort(-chance).tolist():
        spans = [match.text for match in find(lines[number].text)]
        if spans:
            value = spans[0] if field.kind == "date" else max(spans, key=lambda s: abs(minor_units(s) or 0))
            return Prediction(field.name, value, float(chance[number]), (number,))
    return None

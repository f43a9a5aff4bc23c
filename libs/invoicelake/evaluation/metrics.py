"""Precision, recall and F1 of extracted fields, under three ways of comparing values.

A value counts when something is left of it after normalising; an absent or empty one does not count on its
side. So a field without a label costs nothing unless it is predicted, and a field without a prediction costs
recall only. All counts add up over parts of the documents: `score(a) + score(b) == score(a + b)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Group(StrEnum):
    """What the model knew of a document before it was scored on it."""

    UNSEEN = "unseen"  # held out, and no document of its supplier was trained on
    SEEN = "seen"  # held out, its supplier occurs in training
    TRAINED = "trained_on"  # the weights or their choice depend on it


HELD_OUT = (Group.UNSEEN, Group.SEEN)
"""Groups of the headline: what the model was neither trained nor tuned on."""


def as_given(value: str) -> str:
    """The value itself; blank ones become empty."""
    return value if value.strip() else ""


def without_spaces(value: str) -> str:
    """The value without any white space."""
    return "".join(value.split())


def letters_and_digits(value: str) -> str:
    """Only the letters and digits of the value, in the case that they came in."""
    return "".join(filter(str.isalnum, value))


NORMALISATIONS: Mapping[str, Callable[[str], str]] = {
    "exact": as_given,
    "nospace": without_spaces,
    "alnum": letters_and_digits,
}
"""Ways of comparing values, strictest first; all of them tell upper from lower case."""


@dataclass(frozen=True)
class Scored:
    """A document with what annotators and the model said of it: field name to value."""

    document_id: str
    group: Group
    truths: Mapping[str, str]
    predictions: Mapping[str, str]


@dataclass(frozen=True)
class Counts:
    """Numbers of values: predicted, labelled, and predicted as labelled."""

    predicted: int = 0
    truth: int = 0
    correct: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Counts over the values of both."""
        return Counts(
            self.predicted + other.predicted, self.truth + other.truth, self.correct + other.correct
        )

    @property
    def precision(self) -> float:
        """Share of the predicted values that are right; 0.0 when nothing was predicted."""
        return _ratio(self.correct, self.predicted)

    @property
    def recall(self) -> float:
        """Share of the labelled values that were found; 0.0 when nothing is labelled."""
        return _ratio(self.correct, self.truth)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0.0 when there is neither a prediction nor a label."""
        return _ratio(2 * self.correct, self.predicted + self.truth)


Key = tuple[Group, str, str]
"""Group, normalisation, field."""


@dataclass(frozen=True)
class Scores:
    """Counts per group, normalisation and field, and the number of documents per group."""

    fields: tuple[str, ...]
    counts: Mapping[Key, Counts] = field(default_factory=dict)
    documents: Mapping[Group, int] = field(default_factory=dict)

    def __add__(self, other: Scores) -> Scores:
        """Scores over the documents of both, which must not overlap."""
        if self.fields != other.fields:
            raise ValueError(f"scores of different fields do not add up: {self.fields} and {other.fields}")
        counts = dict(self.counts)
        for key, more in other.counts.items():
            counts[key] = counts.get(key, Counts()) + more
        return Scores(self.fields, counts, Counter(self.documents) + Counter(other.documents))

    def of(
        self, normalisation: str, fields: Iterable[str] | None = None, groups: Iterable[Group] = HELD_OUT
    ) -> Counts:
        """Counts summed over the fields (all when None) and groups: the base of micro averages."""
        chosen = self.fields if fields is None else tuple(fields)
        keys = ((group, normalisation, name) for group in groups for name in chosen)
        return sum((self.counts.get(key, Counts()) for key in keys), Counts())

    def number(self, groups: Iterable[Group] = HELD_OUT) -> int:
        """Number of documents in the groups."""
        return sum(self.documents.get(group, 0) for group in groups)


def score(documents: Iterable[Scored], fields: Sequence[str]) -> Scores:
    """Count what is right in the documents, looking at `fields` only."""
    counts: dict[Key, Counts] = {}
    numbers: Counter[Group] = Counter()
    for document in documents:
        numbers[document.group] += 1
        for name in NORMALISATIONS:
            for field_name in fields:
                key = (document.group, name, field_name)
                counts[key] = counts.get(key, Counts()) + compared(document, field_name, name)
    return Scores(tuple(fields), counts, numbers)


def compared(document: Scored, field_name: str, normalisation: str = "exact") -> Counts:
    """Counts of one field of one document: each of them 0 or 1."""
    normalise = NORMALISATIONS[normalisation]
    truth = normalise(document.truths.get(field_name, ""))
    predicted = normalise(document.predictions.get(field_name, ""))
    return Counts(int(bool(predicted)), int(bool(truth)), int(bool(truth) and truth == predicted))


def flattened(scores: Scores) -> dict[str, float]:
    """Metrics by name, for a JSON line or a tracking store.

    The headline has no suffix: `f1_exact`, `precision_nospace_total`, `documents`. Each group of documents
    that is not empty adds `f1_exact_unseen`, `f1_exact_total_unseen` and so on.
    """
    metrics: dict[str, float] = {"documents": scores.number()}
    metrics |= dict(_measures(scores, HELD_OUT, ""))
    for group in Group:
        metrics[f"documents_{group}"] = scores.number([group])
        if scores.number([group]):
            metrics |= dict(_measures(scores, [group], f"_{group}"))
    return metrics


def table_rows(scores: Scores) -> list[dict[str, str | int | float]]:
    """Rows of `gold.extractor_score`: one per group with documents, field (`micro`: all) and normalisation.

    The group `held_out` is the headline; the others are named as in `Group`.
    """
    groups = {"held_out": HELD_OUT, **{str(group): (group,) for group in Group}}
    choices = {"micro": scores.fields, **{name: (name,) for name in scores.fields}}
    return [
        {
            "document_group": group,
            "field": name,
            "normalisation": kind,
            **_measured(scores.of(kind, fields, members)),
        }
        for group, members in groups.items()
        if scores.number(members)
        for name, fields in choices.items()
        for kind in NORMALISATIONS
    ]


def _measures(scores: Scores, groups: Sequence[Group], suffix: str) -> Iterator[tuple[str, float]]:
    for name in NORMALISATIONS:
        total = scores.of(name, groups=groups)
        yield f"f1_{name}{suffix}", total.f1
        yield f"precision_{name}{suffix}", total.precision
        yield f"recall_{name}{suffix}", total.recall
        for field_name in scores.fields:
            counts = scores.of(name, [field_name], groups)
            yield f"f1_{name}_{field_name}{suffix}", counts.f1
            yield f"precision_{name}_{field_name}{suffix}", counts.precision
            yield f"recall_{name}_{field_name}{suffix}", counts.recall


def _measured(counts: Counts) -> dict[str, str | int | float]:
    values = {"predicted": counts.predicted, "labelled": counts.truth, "correct": counts.correct}
    return {**values, "precision": counts.precision, "recall": counts.recall, "f1": counts.f1}


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

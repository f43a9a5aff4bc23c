"""What training documents taught of values: which fields are always there, and what misread text means.

Suppliers come back. A name or an address that differs from one of training in a few letters, but in no digit,
is taken for that one, written as annotators wrote it. Text that they copied as printed stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from rapidfuzz import fuzz, process

from invoicelake import config
from invoicelake.models.labelling import token_classes
from invoicelake.models.tokens import tokenise
from invoicelake.models.values import printed_text
from invoicelake.text.document import Line

_EXPECTED_SHARE = 0.98
_LEAST_LIKENESS = 93.0
_FEWEST_DOCUMENTS = 2
# Where two of three annotators copied what is printed, others will.
_COPIED_SHARE = 0.67
_STEEPNESS = 20
_NEIGHBOURS = 20
_NUMBER = re.compile(r"\d{4}")
# So many kinds of value must be without a long number that the next one will be.
_FEWEST_VALUES = 20
_SPACED_COMMA = re.compile(r"\s+,")


class KnownValue(NamedTuple):
    """A value of a field, as printed (empty where it could not be found) and as annotated, and how often."""

    field: str
    printed: str
    value: str
    documents: int


def known_values(
    documents: Iterable[tuple[Sequence[Line], Mapping[str, str]]], fields: Sequence[config.Field]
) -> list[KnownValue]:
    """Count the values of annotated documents, given as lines and labels.

    Only text is kept with its letters; of amounts and dates, how often there is one.
    """
    counts = Counter(found for lines, labels in documents for found in values_of(lines, labels, fields))
    return [KnownValue(*key, count) for key, count in sorted(counts.items())]


def values_of(
    lines: Sequence[Line], labels: Mapping[str, str], fields: Sequence[config.Field]
) -> Iterator[tuple[str, str, str]]:
    """Field, printed text and value of each label of a document; the last two empty but for text."""
    tokens = tokenise(lines)
    classes = token_classes(lines, labels, fields)
    for number, field in enumerate(fields, start=1):
        value = labels.get(field.name, "").strip()
        if not value:
            continue
        is_text = field.kind == "text"
        chosen = (classes == number).nonzero()[0]
        printed = printed_text(lines, tokens, chosen) if is_text else ""
        yield field.name, printed, value if is_text else ""


@dataclass(frozen=True)
class KnownValues:
    """Values of training documents.

    Attributes:
        values: each (field, printed, value) once.
        documents: how many documents there were.
    """

    values: tuple[KnownValue, ...] = ()
    documents: int = 0

    @cached_property
    def expected_fields(self) -> frozenset[str]:
        """Fields that nearly all training documents have, so that a poor guess is better than none."""
        counts: Counter[str] = Counter()
        for known in self.values:
            counts[known.field] += known.documents
        return frozenset(name for name, count in counts.items() if count >= _EXPECTED_SHARE * self.documents)

    @cached_property
    def identifier(self) -> str:
        """SHA-256 of the content, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def corrected(self, field: str, text: str) -> str:
        """A value as training documents would have it; the text itself where they do not say."""
        known = self._by_field.get(field)
        return known.corrected(text) if known else text

    @cached_property
    def _by_field(self) -> dict[str, _FieldValues]:
        texts = [known for known in self.values if known.value and known.printed]
        names = {known.field for known in texts}
        return {name: _FieldValues([each for each in texts if each.field == name]) for name in names}

    def to_json(self) -> str:
        """Serialise; equal values give equal text."""
        return json.dumps({"documents": self.documents, "values": self.values}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> KnownValues:
        """Read what `to_json` wrote."""
        read = json.loads(text)
        return cls(tuple(KnownValue(*row) for row in read["values"]), int(read["documents"]))


NOTHING_KNOWN = KnownValues()


class _FieldValues:
    """Values of one field, found by how they were printed."""

    def __init__(self, values: Sequence[KnownValue]) -> None:
        self._annotated: Counter[str] = Counter()
        self._by_print: dict[str, Counter[str]] = defaultdict(Counter)
        self._by_letters: dict[str, Counter[str]] = defaultdict(Counter)
        self._copied: Counter[str] = Counter()
        self._has_numbers = len(values) < _FEWEST_VALUES or any(_NUMBER.search(each.value) for each in values)
        for known in values:
            letters, count = _letters(known.printed), known.documents
            self._annotated[known.value] += count
            self._by_print[known.printed][known.value] += count
            self._by_letters[letters][known.value] += count
            self._copied[letters] += count * (known.printed == known.value)
        # Annotators may have read on the scan what the OCR did not, so such a value is a neighbour, too.
        self._letters = sorted({*self._by_letters, *map(_letters, self._annotated)} - {""})

    def corrected(self, text: str) -> str:
        text = text if self._has_numbers else _without_numbers(text)
        if text in self._by_print:
            value, count = self._by_print[text].most_common(1)[0]
            is_better = count >= _FEWEST_DOCUMENTS and count > self._by_print[text][text]
            return value if is_better else text
        letters = _letters(text)
        if not letters or text in self._annotated:
            return text
        if self._is_copied(letters):
            # Of printers or OCR, which annotators leave out even where they copy.
            closed = _SPACED_COMMA.sub(",", text)
            return closed if closed in self._annotated else text
        votes = self._votes(letters)
        value = max(votes, key=lambda each: (votes[each], each), default=text)
        return value if self._annotated[value] >= _FEWEST_DOCUMENTS else text

    def _is_copied(self, letters: str) -> bool:
        known = self._by_letters.get(letters)
        return known is not None and self._copied[letters] >= _COPIED_SHARE * known.total()

    def _votes(self, letters: str) -> dict[str, float]:
        """What values of nearly the same letters say: each document one vote, the nearer the more."""
        digits = _digits(letters)
        votes: dict[str, float] = defaultdict(float)
        near = process.extract(
            letters, self._letters, scorer=fuzz.ratio, score_cutoff=_LEAST_LIKENESS, limit=_NEIGHBOURS
        )
        for other, likeness, _ in near:
            # Digits tell one shop of a chain from another; without any, at least the length must agree.
            if _digits(other) != digits or not (digits or len(other) == len(letters)):
                continue
            for value, count in self._by_letters.get(other, {}).items():
                votes[value] += count * (likeness / 100) ** _STEEPNESS
        return votes


def _without_numbers(text: str) -> str:
    """A name without the number before it, or the number of its registration behind it."""
    found = _NUMBER.search(text)
    if not found:
        return text
    before = text[: found.start()]
    # `ACME LTD (CO. NO: 1234-X)` ends before the bracket, `ACME LTD 1234-X` before the word.
    opened = before.rfind("(") if before.count("(") > before.count(")") else before.rfind(" ")
    kept = before[: max(opened, 0)].strip() or text[found.end() :].partition(" ")[2].strip()
    return kept or text


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.upper()))


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))

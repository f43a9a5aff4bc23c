"""Words that have an embedding of their own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from invoicelake import config

PADDING = 0
UNKNOWN = 1
_FIRST_WORD = 2
_DIGIT = re.compile(r"\d")
_EDGES = ".,;:'\"()[]<>*#-_=/!"


def word_key(text: str) -> str:
    """Fold a word to what the vocabulary counts: upper case, digits as 0, no marks around; may be empty."""
    return _DIGIT.sub("0", text.upper()).strip(_EDGES)


@dataclass(frozen=True)
class Vocabulary:
    """Word keys in the order of their numbers; 0 is padding and 1 any other word."""

    words: tuple[str, ...]

    @property
    def size(self) -> int:
        """Count of numbers, those for padding and other words included."""
        return _FIRST_WORD + len(self.words)

    @cached_property
    def identifier(self) -> str:
        """SHA-256 of the content, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=_FIRST_WORD)}

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """Look up the number of each word."""
        known = self._numbers
        return [known.get(word_key(text), UNKNOWN) for text in texts]

    def unknown_share(self, texts: Iterable[str]) -> float:
        """Share of the words that are not in the vocabulary; 0.0 without words."""
        numbers = self.numbers(texts)
        return numbers.count(UNKNOWN) / len(numbers) if numbers else 0.0

    def to_json(self) -> str:
        """Serialise; equal vocabularies give equal text."""
        return json.dumps(list(self.words), ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Vocabulary:
        """Read what `to_json` wrote."""
        return cls(tuple(json.loads(text)))


def build_vocabulary(counts: Iterable[tuple[str, int]], settings: config.Encoding) -> Vocabulary:
    """Keep the most frequent word keys.

    Args:
        counts: each word key once, with the number of training documents that hold it.
        settings: how many words, and how rare they may be.
    """
    frequent = [(word, count) for word, count in counts if word and count >= settings.min_documents]
    frequent.sort(key=lambda item: (-item[1], item[0]))
    return Vocabulary(tuple(word for word, _ in frequent[: settings.vocabulary_size]))

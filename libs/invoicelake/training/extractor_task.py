"""The task of reading the fields of documents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from invoicelake import config
from invoicelake.models.encoding import IGNORED, Vocabulary, tensor_specs
from invoicelake.training.layout import Layout
from invoicelake.training.task import Criterion

if TYPE_CHECKING:
    from invoicelake.models.sharded import Exchange


@dataclass(frozen=True)
class ExtractorTask:
    """The extractor, learnt from gold.extractor_example.

    Attributes:
        model: the network's shape.
        encoding: how documents became tensors.
        fields: in the order of the classes.
        vocabulary_size: of the vocabulary that the rows were encoded with.
        encoder_id: of that vocabulary.
        known_id: of the known values that are kept with the model.
        initial: weights that training begins from, in Keras' order; none: drawn ones.
        reads_items: whether line items are learnt, too.
    """

    model: config.Model
    encoding: config.Encoding
    fields: tuple[config.Field, ...]
    vocabulary_size: int
    encoder_id: str
    known_id: str = ""
    initial: tuple[NDArray[Any], ...] = ()
    reads_items: bool = False

    @classmethod
    def of(
        cls,
        suite: config.Suite,
        vocabulary: Vocabulary,
        known_id: str = "",
        initial: Sequence[NDArray[Any]] = (),
    ) -> ExtractorTask:
        """The task that settings ask for, on rows that were encoded with this vocabulary."""
        return cls(
            suite.model,
            suite.encoding,
            suite.fields,
            vocabulary.size,
            vocabulary.identifier,
            known_id,
            tuple(initial),
            suite.line_items.read,
        )

    @property
    def layout(self) -> Layout:
        """Rows of tokens."""
        specs = tensor_specs(self.encoding)
        return Layout(specs, target="labels", key="example_id", length="words", ignored=IGNORED)

    @property
    def criterion(self) -> Criterion:
        """F1 of tokens."""
        from invoicelake.models.extractor import VALIDATION_METRIC

        return Criterion(VALIDATION_METRIC, is_higher_better=True)

    @property
    def facts(self) -> Mapping[str, Any]:
        """Settings and vocabulary."""
        return {
            "model": self.model.model_dump(),
            "encoding": self.encoding.model_dump(),
            "fields": [field.model_dump() for field in self.fields],
            "encoder": self.encoder_id,
            "known_values": self.known_id,
            "initial": [hashlib.sha256(each.tobytes()).hexdigest() for each in self.initial],
            "reads_items": self.reads_items,
        }

    def build(self, exchange: Exchange) -> Any:
        """The model that the settings name; nothing in it is sharded."""
        from invoicelake.models.extractor import build

        model = build(self.model, self.encoding, self.vocabulary_size, self.fields, self.reads_items)
        if self.initial:
            model.set_weights(self.initial)
        return model

    def compile(self, model: Any, optimizer: Any) -> None:
        """Set the extractor's loss and metrics."""
        from invoicelake.models.extractor import compile_extractor

        compile_extractor(model, optimizer, self.reads_items, self.model.choice_weight)

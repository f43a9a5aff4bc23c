"""A field that no code knows: named in a settings file, labelled, learnt and read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest

from invoicelake import config
from invoicelake.models import extractor
from invoicelake.models.bundle import load_bundle, save_bundle
from invoicelake.models.encoding import Vocabulary, build_vocabulary, encode, word_key
from invoicelake.models.labelling import label
from invoicelake.models.tokens import tokenise
from invoicelake.sources.generated import generate
from invoicelake.text.document import Document

CONF = Path(__file__).resolve().parents[2] / "conf"
ADDED = """
fields:
  - {name: order_number, kind: identifier}
  - {name: total, kind: amount}
line_items: {read: false}
seed: 1
generator: {suppliers: 4, invoice_share: 1.0, poor_scan_share: 0.0}
encoding: {max_tokens: 160}
model: {width: 32, depth: 1, dropout: 0.0}
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> config.Suite:
    file = tmp_path_factory.mktemp("settings") / "order_number.yaml"
    file.write_text(ADDED)
    return config.load(CONF, files=[file])


def vocabulary_of(documents: list[Document], suite: config.Suite) -> Vocabulary:
    words = Counter(
        word for document in documents for word in {word_key(text) for text in tokenise(document.lines).texts}
    )
    return build_vocabulary(list(words.items()), suite.encoding)


def trained(documents: list[Document], suite: config.Suite, folder: Path) -> Path:
    """The folder, with an extractor in it that has seen the documents for some seconds."""
    keras.utils.set_random_seed(0)
    vocabulary = vocabulary_of(documents, suite)
    windows, targets = [], []
    for document in documents:
        found = encode(document.lines, vocabulary, suite.encoding)
        windows += found
        targets += label(document.lines, found, document.labels, suite.fields, suite.encoding)
    inputs = {name: np.stack([window.inputs[name] for window in windows]) for name in windows[0].inputs}
    model = extractor.build(suite.model, suite.encoding, vocabulary.size, suite.fields)
    extractor.compile_extractor(model, keras.optimizers.Adam(5e-3))
    model.fit(inputs, np.stack(targets), batch_size=8, epochs=8, verbose=0)
    save_bundle(folder, suite.model, suite.encoding, suite.fields, vocabulary, model.get_weights())
    return folder


def test_a_field_is_added_by_settings_and_labels_alone(suite: config.Suite, tmp_path: Path) -> None:
    documents = [generate(index, suite.seed, suite.generator) for index in range(80)]
    found = load_bundle(trained(documents[:60], suite, tmp_path)).predict(
        [document.lines for document in documents[60:]]
    )
    wanted = [document.labels.get("order_number") for document in documents[60:]]
    read = [next((each.value for each in fields if each.field == "order_number"), None) for fields in found]
    right = sum(one == other for one, other in zip(wanted, read, strict=True))
    assert 5 < sum(value is not None for value in wanted) < 15
    assert right >= 0.9 * len(wanted)

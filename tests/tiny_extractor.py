"""An extractor that takes every token for the company: enough to see files and rows travel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from invoicelake import config
from invoicelake.models.bundle import save_bundle
from invoicelake.models.encoding import build_vocabulary

FIELDS = (config.Field(name="company", kind="text"), config.Field(name="total", kind="amount"))
MODEL = config.Model(width=16, depth=1)
ENCODING = config.Encoding(max_tokens=32)


def saved(folder: Path) -> Path:
    """The folder, with the extractor's files in it."""
    from invoicelake.models.extractor import build

    vocabulary = build_vocabulary([("TOTAL", 9), ("ACME", 9)], ENCODING)
    weights = build(MODEL, ENCODING, vocabulary.size, FIELDS).get_weights()
    weights[-1] = np.array([0, 9, 0], np.float32)
    save_bundle(folder, MODEL, ENCODING, FIELDS, vocabulary, weights)
    return folder

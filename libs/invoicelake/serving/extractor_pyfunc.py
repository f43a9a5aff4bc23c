"""The extractor as MLflow runs it. MLflow keeps this file as it is, and no pickle of what is in it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from invoicelake.models.bundle import Extractor, load_bundle
from invoicelake.text.document import Line


class ExtractorModel(PythonModel):
    """Reads the fields of documents given as text lines."""

    _extractor: Extractor

    def load_context(self, context: Any) -> None:
        """Open the files that were logged with the model."""
        self._extractor = load_bundle(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> list[dict[str, Any]]:
        """Read the fields of each document; one entry per field that was found.

        Args:
            context: not used.
            model_input: a data frame of `document_id` and `lines`: lists of objects with text, page, x0, y0,
                x1, y1.
            params: not used.

        Returns:
            `document_id`, `field`, `value`, `score` from 0 to 1, and `line_numbers`, which count from 0.
        """
        documents = [[Line(**line) for line in lines] for lines in model_input["lines"]]
        found = self._extractor.predict(documents)
        return [
            {
                "document_id": document_id,
                "field": each.field,
                "value": each.value,
                "score": each.score,
                "line_numbers": list(each.line_numbers),
            }
            for document_id, predictions in zip(model_input["document_id"], found, strict=True)
            for each in predictions
        ]


set_model(ExtractorModel())

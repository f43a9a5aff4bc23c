"""The model of payment delay as MLflow runs it. MLflow keeps this file, and no pickle of it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from invoicelake.models.delay_bundle import DelayPredictor, load_delay_bundle
from invoicelake.models.delay_encoding import INPUTS


class DelayModel(PythonModel):
    """Tells how late receivables will be settled."""

    _predictor: DelayPredictor

    def load_context(self, context: Any) -> None:
        """Open the files that were logged with the model."""
        self._predictor = load_delay_bundle(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Judge each receivable.

        Args:
            context: not used.
            model_input: the columns of gold.payment_delay_example that are `INPUTS`; one that is missing is
                null throughout, and booleans are the texts `true` and `false`.
            params: not used.

        Returns:
            `days_late`, the median, and `late_probability`.
        """
        given = model_input.reindex(columns=list(INPUTS)).astype(object)
        columns = given.where(given.notna(), None).to_dict("list")
        found = self._predictor.predict({str(name): values for name, values in columns.items()})
        return pd.DataFrame(found._asdict())


set_model(DelayModel())

"""The kinds of models that are tracked, and what each takes and gives when MLflow runs it."""

from __future__ import annotations

from typing import Any

from invoicelake.models.delay_encoding import CATEGORIES, CUSTOMER, NUMBERS
from invoicelake.tracking_run import Served


def _of_extractor() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, Object, Property, Schema

    places = [Property(name, DataType.double) for name in ("x0", "y0", "x1", "y1")]
    line = Object([Property("text", DataType.string), Property("page", DataType.long), *places])
    texts = [ColSpec(DataType.string, name) for name in ("document_id", "field", "value")]
    numbers = [ColSpec(DataType.double, "score"), ColSpec(Array(DataType.long), "line_numbers")]
    given = Schema([ColSpec(DataType.string, "document_id"), ColSpec(Array(line), "lines")])
    return ModelSignature(given, Schema([*texts, *numbers]))


def _of_delay() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, DataType, Schema

    numbers = [ColSpec(DataType.double, name, required=False) for name in NUMBERS]
    texts = [ColSpec(DataType.string, name, required=False) for name in (*CATEGORIES, CUSTOMER)]
    found = [ColSpec(DataType.double, name) for name in ("days_late", "late_probability")]
    return ModelSignature(Schema([*numbers, *texts]), Schema([*found]))


EXTRACTOR = Served("extractor", _of_extractor)
PAYMENT_DELAY = Served("delay", _of_delay)

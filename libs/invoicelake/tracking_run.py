"""What is recorded of a run in MLflow, and how its model is kept: as files and source code, no pickles."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoicelake.tables import PinnedTable

if TYPE_CHECKING:
    from mlflow import MlflowClient

FINGERPRINT = "fingerprint"
_BUNDLE = "bundle"
_PACKAGE = Path(__file__).parent
_NEEDS = ("tensorflow", "numpy", "pandas", "pydantic", "omegaconf", "babel", "rapidfuzz")


@dataclass(frozen=True)
class RegisteredModel:
    """A version of a registered model."""

    name: str
    version: int
    run_id: str


@dataclass(frozen=True)
class Served:
    """How MLflow runs a kind of model.

    Attributes:
        name: of the kind; `serving/NAME_pyfunc.py` opens the files.
        signature: makes MLflow's `ModelSignature`.
    """

    name: str
    signature: Callable[[], Any]


class TrackedRun:
    """A run, under way or over.

    Args:
        client: of the tracking store.
        run_id: in that store.
        model_name: of the registered model that `log_model` adds a version to.
    """

    def __init__(self, client: MlflowClient, run_id: str, model_name: str) -> None:
        self._client, self.run_id, self._model_name = client, run_id, model_name

    def log_input(self, table: PinnedTable, context: str) -> None:
        """Record that the run, which must be under way, read this version of a table.

        Args:
            table: with its name and version.
            context: `training` or `validation`.
        """
        import mlflow
        from mlflow.data.delta_dataset_source import DeltaDatasetSource
        from mlflow.data.meta_dataset import MetaDataset

        # MLflow's own class for data that is only described calls itself abstract to type checkers.
        described: Any = MetaDataset
        source = DeltaDatasetSource(path=table.path, delta_table_version=table.version)
        dataset = described(source, name=table.name, digest=f"version-{table.version}")
        tags = {"version": str(table.version), "rows": str(sum(table.rows))}
        mlflow.log_input(dataset, context=context, tags=tags)

    def log_epochs(self, history: Sequence[Mapping[str, float]]) -> None:
        """Record the metrics of each epoch; the first is step 1."""
        for epoch, metrics in enumerate(history, start=1):
            self._log(metrics, epoch)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Record metrics of the whole run."""
        self._log(metrics, step=0)

    def tag(self, facts: Mapping[str, str]) -> None:
        """Add to the run's tags, such as what it ran on."""
        for name, value in facts.items():
            self._client.set_tag(self.run_id, name, value)

    def log_file(self, file: str | Path) -> None:
        """Keep a file with the run."""
        self._client.log_artifact(self.run_id, str(file))

    def log_model(self, served: Served, bundle: str | Path, fingerprint: str) -> RegisteredModel:
        """Keep a trained model with the run, which must be under way, and register it.

        Args:
            served: how MLflow runs it.
            bundle: folder with its files, such as `models.bundle.save_bundle` wrote.
            fingerprint: of the training job, by which `Tracking.find_model` finds the version.
        """
        import mlflow

        with warnings.catch_warnings():
            # MLflow asks for an example to check the signature with, which would load TensorFlow here.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"mlflow\.pyfunc.*")
            logged = mlflow.pyfunc.log_model(
                name=served.name,
                python_model=str(_PACKAGE / "serving" / f"{served.name}_pyfunc.py"),
                artifacts={_BUNDLE: str(bundle)},
                pip_requirements=[f"{name}=={package_version(name)}" for name in _NEEDS],
                signature=served.signature(),
                code_paths=[str(_PACKAGE)],
            )
        # With the tag from the first: a version without it would be trained once more.
        tags = {FINGERPRINT: fingerprint}
        version = mlflow.register_model(logged.model_uri, self._model_name, tags=tags)
        return RegisteredModel(self._model_name, int(version.version), self.run_id)

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        values = [Metric(name, float(value), now_ms, step) for name, value in metrics.items()]
        self._client.log_batch(self.run_id, metrics=values)


def bundle_within(model: Path) -> Path:
    """The bundle in a folder that holds a logged model."""
    import mlflow

    described = mlflow.models.Model.load(str(model)).flavors["python_function"]
    return model / str(described["artifacts"][_BUNDLE]["path"])


def package_version(name: str) -> str:
    """The installed version of a package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"

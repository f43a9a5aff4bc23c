"""All calls to MLflow: runs with what made them, models without pickles, the registry and its aliases."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.tracking_run import FINGERPRINT, RegisteredModel, TrackedRun, bundle_within, package_version
from invoicelake.tracking_store import await_store, prepared_store, quieten
from invoicelake.trust.record import FILE_NAME as TRUST

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

__all__ = ["CHALLENGER", "CHAMPION", "RegisteredModel", "TrackedRun", "Tracking", "open_tracking"]

CHALLENGER, CHAMPION = "challenger", "champion"
_MAX_PARAM_LENGTH = 500


class Tracking:
    """The tracking store and model registry that the settings name; made by `open_tracking`."""

    def __init__(self, settings: config.Tracking, uri: str, artifacts: str | None) -> None:
        self._settings, self._uri, self._artifacts = settings, uri, artifacts

    def find_model(self, fingerprint: str) -> RegisteredModel | None:
        """The newest version that a training job of this fingerprint brought forth."""
        found = self._client.search_model_versions(
            f"name = '{self._settings.model_name}' and tags.{FINGERPRINT} = '{fingerprint}'"
        )
        versions = sorted((_registered(version) for version in found), key=lambda model: model.version)
        return versions[-1] if versions else None

    def with_alias(self, alias: str) -> RegisteredModel | None:
        """The version that bears the alias; None when none does."""
        from mlflow.exceptions import MlflowException

        try:
            return _registered(self._client.get_model_version_by_alias(self._settings.model_name, alias))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def champion(self) -> RegisteredModel:
        """The version that jobs work with.

        Raises:
            JobError: there is none yet.
        """
        model = self.with_alias(CHAMPION)
        if model is None:
            raise JobError(
                f"registered model {self._settings.model_name} in {self._uri} has no version with the alias "
                f"{CHAMPION}; run train_extractor and evaluate_extractor on this input first, or for payment "
                "delay, train_payment_delay and evaluate_payment_delay"
            )
        return model

    def contenders(self) -> list[RegisteredModel]:
        """The champion and the challenger, as far as there are any, the champion first.

        Raises:
            JobError: there is neither.
        """
        challenger = self.with_alias(CHALLENGER)
        if challenger is None:
            return [self.champion()]
        champion = self.with_alias(CHAMPION)
        return [challenger] if champion is None else [champion, challenger]

    def run_tags(self, model: RegisteredModel) -> Mapping[str, str]:
        """The tags of the run that the version came from."""
        tags: Mapping[str, str] = self._client.get_run(model.run_id).data.tags
        return tags

    def history(self, model: RegisteredModel) -> dict[str, list[float]]:
        """Metric name to its value in each epoch of the run that the version came from."""
        names = self._client.get_run(model.run_id).data.metrics
        found = {name: self._client.get_metric_history(model.run_id, name) for name in sorted(names)}
        by_epoch = {
            name: sorted((entry.step, entry.value) for entry in values) for name, values in found.items()
        }
        # Step 0 is what was measured once, on the whole.
        return {name: [value for _, value in values] for name, values in by_epoch.items() if values[0][0] > 0}

    def best_epoch(self, model: RegisteredModel) -> int:
        """The epoch, from 1, whose weights the version has."""
        return int(self._client.get_run(model.run_id).data.metrics["best_epoch"])

    def is_challenger(self, model: RegisteredModel) -> bool:
        """Whether the version bears the alias challenger."""
        return self.with_alias(CHALLENGER) == model

    def reject(self, model: RegisteredModel) -> None:
        """Take the alias challenger from the version, which did not beat the champion."""
        self._client.delete_registered_model_alias(model.name, CHALLENGER)
        log.info("%s version %d is no longer challenger", model.name, model.version)

    def challenge(self, model: RegisteredModel) -> None:
        """Let the version bear the alias challenger."""
        self._client.set_registered_model_alias(model.name, CHALLENGER, str(model.version))

    def promote(self, model: RegisteredModel) -> None:
        """Let the version bear the alias champion, and no longer challenger."""
        self._client.set_registered_model_alias(model.name, CHAMPION, str(model.version))
        challenger = self.with_alias(CHALLENGER)
        if challenger is not None and challenger.version == model.version:
            self._client.delete_registered_model_alias(model.name, CHALLENGER)
        log.info("%s version %d is champion", model.name, model.version)

    @contextmanager
    def bundle(self, model: RegisteredModel) -> Iterator[Path]:
        """The version's files, for `models.bundle.load_bundle`, in a folder that goes with the context.

        The record of what held-out documents showed, if there is one, is among them.
        """
        import mlflow

        with tempfile.TemporaryDirectory() as folder:
            source = f"models:/{model.name}/{model.version}"
            fetched = Path(mlflow.artifacts.download_artifacts(artifact_uri=source, dst_path=folder))
            bundle = bundle_within(fetched)
            if any(file.path == TRUST for file in self._client.list_artifacts(model.run_id)):
                self._client.download_artifacts(model.run_id, TRUST, str(bundle))
            yield bundle

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """Add metrics to a run that is over, such as an evaluation's to the training's."""
        self._run(run_id).log_metrics(metrics)

    def log_file(self, run_id: str, file: str | Path) -> None:
        """Add a file to a run that is over."""
        self._run(run_id).log_file(file)

    def wait(self) -> None:
        """Wait for the store, which may have been lost meanwhile.

        Raises:
            JobError: it does not come back.
        """
        await_store(self._settings, self._uri)

    @contextmanager
    def run(self, name: str, suite: config.Suite, tags: Mapping[str, str]) -> Iterator[TrackedRun]:
        """A run with the settings as parameters and as `config.yaml`.

        An error ends it as failed, an interruption as killed. A store that is lost meanwhile is waited for.

        Args:
            name: of the run.
            suite: all settings.
            tags: such as job, fingerprint and `spark.app_id`.

        Raises:
            JobError: the store was lost and did not come back.
        """
        import mlflow
        from mlflow.exceptions import MlflowException

        known = {
            "mlflow.source.git.commit": os.environ.get("INVOICELAKE_GIT_COMMIT", "unknown"),
            "mlflow.source.name": name,
            "mlflow.source.type": "JOB",
            "suite.version": package_version("invoicelake"),
        }
        experiment = self._experiment()
        created = self._client.create_run(experiment, run_name=name, tags=known | dict(tags))
        run_id = str(created.info.run_id)
        status = "FAILED"
        try:
            self._log_settings(run_id, suite)
            with mlflow.start_run(run_id=run_id):
                yield self._run(run_id)
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        except MlflowException:
            # Says that it is lost, if that is the cause.
            self.wait()
            raise
        finally:
            with suppress(MlflowException):
                self._client.set_terminated(run_id, status)

    @property
    def _client(self) -> MlflowClient:
        from mlflow import MlflowClient

        return MlflowClient(self._uri, self._uri)

    def _run(self, run_id: str) -> TrackedRun:
        return TrackedRun(self._client, run_id, self._settings.model_name)

    def _experiment(self) -> str:
        name = self._settings.experiment
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            return str(known.experiment_id)
        return str(self._client.create_experiment(name, artifact_location=self._artifacts))

    def _log_settings(self, run_id: str, suite: config.Suite) -> None:
        from mlflow.entities import Param

        values = suite.model_dump(mode="json")
        params = [Param(key, str(value)[:_MAX_PARAM_LENGTH]) for key, value in _flat(values)]
        self._client.log_batch(run_id, params=params)
        self._client.log_dict(run_id, values, "config.yaml")


def open_tracking(settings: config.Tracking, lake_path: str) -> Tracking:
    """Open the tracking store; without `tracking.uri`, SQLite and files in the lake's folder.

    Raises:
        JobError: the store cannot be reached, written or read.
    """
    quieten(settings.timeout_s)
    uri, artifacts = prepared_store(settings, lake_path)
    import mlflow

    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return Tracking(settings, uri, artifacts)


def _registered(version: Any) -> RegisteredModel:
    return RegisteredModel(version.name, int(version.version), version.run_id or "")


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value

"""Where MLflow keeps its records: found, checked and, for SQLite in the lake, made."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import urlparse

from invoicelake import config
from invoicelake.errors import JobError
from invoicelake.tables import local_path

log = logging.getLogger(__name__)

_SQLITE = "sqlite:///"
_AGAIN_S = 1.0
_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def prepared_store(settings: config.Tracking, lake_path: str) -> tuple[str, str | None]:
    """The tracking store's URI, checked, and where its experiments keep files (None: where the store says).

    Raises:
        JobError: the store cannot be reached, written or read.
    """
    uri, artifacts = settings.uri, None
    if uri is None:
        folder = local_path(lake_path)
        if folder is None:
            raise JobError(f"the lake {lake_path} is no folder of this machine; set tracking.uri")
        uri = f"{_SQLITE}{folder}/mlflow.db"
        artifacts = (Path(folder) / "mlflow_artifacts").as_uri()
    try:
        _check(uri, settings.timeout_s)
    except (OSError, sqlite3.Error) as error:
        raise JobError(
            f"the tracking store {_without_password(uri)} cannot be used ({error}); "
            f"it was given {settings.timeout_s} s; start or mend it, or set tracking.uri"
        ) from error
    return uri, artifacts


def await_store(settings: config.Tracking, uri: str) -> None:
    """Wait until the store answers, for as long as `settings.patience_s` says.

    Raises:
        JobError: it does not.
    """
    give_up = time.monotonic() + settings.patience_s
    is_told = False
    while True:
        try:
            return _check(uri, settings.timeout_s)
        except (OSError, sqlite3.Error) as error:
            if time.monotonic() >= give_up:
                raise JobError(
                    f"the tracking store {_without_password(uri)} was lost while the job ran ({error}) and "
                    f"did not come back within {settings.patience_s} s; what was trained is kept: start it "
                    "and give the same command again, which records it without training again"
                ) from error
            if not is_told:
                log.warning("the tracking store does not answer, waiting for it: %s", error)
                is_told = True
            time.sleep(_AGAIN_S)


def quieten(timeout_s: int) -> None:
    """Keep MLflow from calling home, from waiting without end, and from writing to standard output.

    Must come before MLflow is first imported.
    """
    os.environ |= {
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout_s),
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _check(uri: str, timeout_s: int) -> None:
    parts = urlparse(uri)
    kind = parts.scheme.partition("+")[0]
    if kind in ("http", "https"):
        try:
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=timeout_s).close()
        except urllib.error.HTTPError as error:
            log.debug("%s answers, though not to its health page: %s", uri, error)
    elif uri.startswith(_SQLITE):
        _prepare_sqlite(Path(uri.removeprefix(_SQLITE)))
    elif kind in _DATABASE_PORTS:
        address = (parts.hostname or "localhost", parts.port or _DATABASE_PORTS[kind])
        socket.create_connection(address, timeout=timeout_s).close()


def _prepare_sqlite(file: Path) -> None:
    """Make the database if need be, whole or not at all: MLflow cannot use one that was half made."""
    if file.exists():
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True)) as database:
            database.execute("SELECT count(*) FROM alembic_version")
        return
    from mlflow import MlflowClient

    file.parent.mkdir(parents=True, exist_ok=True)
    log.info("making the tracking store %s", file)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        MlflowClient(f"{_SQLITE}{partial}").search_experiments(max_results=1)
        try:
            os.link(partial, file)
        except FileExistsError:
            log.debug("another process made %s at the same moment", file)
    finally:
        partial.unlink(missing_ok=True)


def _without_password(uri: str) -> str:
    parts = urlparse(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri

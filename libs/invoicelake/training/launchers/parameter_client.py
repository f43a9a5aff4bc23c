"""What Elephas' workers fetch weights and send updates with."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from contextlib import closing
from http import HTTPStatus
from typing import Any

from elephas.parameter.client import BaseParameterClient
from elephas.utils import bytes_to_weights, weights_to_bytes
from numpy.typing import NDArray

from invoicelake.errors import JobError

WEIGHTS, UPDATE = "/parameters", "/update"
MEDIA_TYPE = "application/octet-stream"
_TIMEOUT_S = 60.0


def authorization(secret: str) -> str:
    """The header by which one shows that one knows the secret."""
    return f"Bearer {secret}"


class ParameterClient(BaseParameterClient):
    """Speaks to a `ParameterServer`, past any proxy.

    Args:
        host: of the server.
        port: of the server.
        secret: of the server's run.
    """

    client_type = "invoicelake"

    def __init__(self, host: str, port: int, secret: str) -> None:
        self._host, self._port, self._secret = host, port, secret

    def get_parameters(self) -> list[NDArray[Any]]:
        """The weights as they are now."""
        weights: list[NDArray[Any]] = bytes_to_weights(self._ask("GET", WEIGHTS))
        return weights

    def update_parameters(self, delta: Sequence[NDArray[Any]]) -> None:
        """Have `delta` subtracted from the weights."""
        self._ask("POST", UPDATE, weights_to_bytes(delta))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": authorization(self._secret), "Content-Type": MEDIA_TYPE}
        with closing(http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != HTTPStatus.OK:
            told = content.decode("utf-8", "replace")
            raise JobError(f"the parameter server answered {answer.status} to {method} {path}: {told}")
        return content

"""Weights that workers fetch and change, in place of Elephas' own parameter server.

That one asks nobody who they are, and runs Flask in debug mode in a fork of the driver. This one is a thread,
listens on one address and a free port, and answers those alone who know the secret of its run. What travels
is Elephas' format of raw arrays; nothing is pickled.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from types import TracebackType
from typing import Any

import numpy as np
from elephas.utils import bytes_to_weights, weights_to_bytes
from numpy.typing import NDArray

from invoicelake.training.launchers.parameter_client import ParameterClient
from invoicelake.training.launchers.parameter_http import HttpServer, Refused

_POLL_S = 0.1


class ParameterServer:
    """Holds weights for as long as it is entered; afterwards no thread, connection or port is left.

    Args:
        weights: to begin with; copied.
        host: the address to listen on, which workers must reach.
        is_locked: whether updates and reads wait for each other. Otherwise they may cross, number by number.

    Attributes:
        update_bytes: length of every update, which has the types and shapes of the weights.
        client: what workers speak to the server with; it travels to them, and the secret with it.
    """

    def __init__(self, weights: Sequence[NDArray[Any]], host: str, is_locked: bool) -> None:
        self._weights = [np.array(values) for values in weights]
        self._lock: AbstractContextManager[Any] = threading.Lock() if is_locked else nullcontext()
        self.update_bytes = len(weights_to_bytes(self._weights))
        secret = secrets.token_urlsafe(32)
        self._http = HttpServer(host, secret, self)
        self.client = ParameterClient(host, self._http.server_address[1], secret)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_POLL_S,), name="parameter server", daemon=True
        )

    def __enter__(self) -> ParameterServer:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all of it."""
        self._http.shutdown()
        self._http.close()
        self._thread.join()

    def serialised(self) -> bytes:
        """The weights as they travel."""
        with self._lock:
            return bytes(weights_to_bytes(self._weights))

    def subtract(self, body: bytes) -> None:
        """Apply an update.

        Raises:
            Refused: it holds other than arrays of the weights' types and shapes; nothing was changed.
        """
        deltas = self._parsed(body)
        with self._lock:
            # In place: with new arrays in place of the old, updates that cross would be lost as a whole.
            for values, delta in zip(self._weights, deltas, strict=True):
                np.subtract(values, delta, out=values)

    def _parsed(self, body: bytes) -> list[NDArray[Any]]:
        try:
            deltas: list[NDArray[Any]] = bytes_to_weights(body)
        except Exception as error:  # Whatever NumPy says of bytes that are no arrays.
            raise Refused(HTTPStatus.BAD_REQUEST, f"no arrays: {error}") from error
        if [_form(delta) for delta in deltas] != [_form(values) for values in self._weights]:
            raise Refused(HTTPStatus.BAD_REQUEST, "arrays of other types or shapes than the weights")
        return deltas


def _form(values: NDArray[Any]) -> tuple[object, ...]:
    return values.dtype, values.shape

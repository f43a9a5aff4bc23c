"""The HTTP side of the parameter server: who may ask, what is taken, and that nothing stays open."""

from __future__ import annotations

import hmac
import logging
import socket
import socketserver
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from invoicelake.training.launchers.parameter_client import MEDIA_TYPE, UPDATE, WEIGHTS, authorization

log = logging.getLogger(__name__)

_IDLE_S = 30.0


class Refused(ValueError):
    """A request that changes nothing; the message says why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Parameters(Protocol):
    """What is served.

    Attributes:
        update_bytes: length of every update.
    """

    update_bytes: int

    def serialised(self) -> bytes:
        """The weights as they travel."""
        ...

    def subtract(self, body: bytes) -> None:
        """Apply an update, or raise `Refused`."""
        ...


class HttpServer(ThreadingHTTPServer):
    """Answers those who know the secret; closing it ends all connections, whatever their other side does.

    Args:
        host: address to listen on, at a free port.
        secret: that every request must carry.
        parameters: what is served.
    """

    daemon_threads = False
    # Workers that begin at once wait for their turn.
    request_queue_size = 128

    def __init__(self, host: str, secret: str, parameters: Parameters) -> None:
        self.authorization, self.parameters = authorization(secret).encode(), parameters
        self._open: set[socket.socket] = set()
        super().__init__((host, 0), _Handler)

    def server_bind(self) -> None:
        """Bind, without asking the name service what the host is called."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer on a thread."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Spark tells of workers that went away; others who did are of no interest."""
        log.debug("a connection of %s broke", client_address, exc_info=True)

    def close(self) -> None:
        """Close the port, end connections and wait for their threads; `serve_forever` must have ended."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: HttpServer
    timeout = _IDLE_S

    def do_GET(self) -> None:
        self._answer(WEIGHTS, self.server.parameters.serialised)

    def do_POST(self) -> None:
        self._answer(UPDATE, self._update)

    def version_string(self) -> str:
        return "invoicelake"

    def log_message(self, *given: object) -> None:
        """Nothing is said of requests."""

    def _answer(self, path: str, content: Callable[[], bytes]) -> None:
        try:
            given = self.headers.get("Authorization", "").encode("utf-8", "replace")
            if not hmac.compare_digest(given, self.server.authorization):
                raise Refused(HTTPStatus.UNAUTHORIZED, "this server is for the workers of one run")
            if self.path != path:
                raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
            self._send(HTTPStatus.OK, content())
        except Refused as refused:
            self._send(refused.status, str(refused).encode())

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", MEDIA_TYPE if status == HTTPStatus.OK else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _update(self) -> bytes:
        """Take an update of just the length that one has; another is not read."""
        given, expected = self.headers.get("Content-Length", ""), self.server.parameters.update_bytes
        if not (given.isascii() and given.isdecimal() and len(given) < 20):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "an update says its length")
        if int(given) != expected:
            is_larger = int(given) > expected
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_larger else HTTPStatus.BAD_REQUEST
            raise Refused(status, f"an update has {expected} bytes, this one has {given}")
        body = self.rfile.read(expected)
        if len(body) < expected:
            raise Refused(HTTPStatus.BAD_REQUEST, "the update was cut off")
        self.server.parameters.subtract(body)
        return b""

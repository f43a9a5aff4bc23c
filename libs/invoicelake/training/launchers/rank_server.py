"""What the driver serves to ranks: an ear for what they say, and the store by which Horovod has them meet."""

from __future__ import annotations

import hmac
import secrets
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from horovod.runner.http.http_server import RendezvousHandler, RendezvousHTTPServer

from invoicelake.training.launchers.rank_task import keep_alive

_POLL_S = 0.05
_HELLO_S = 10
_HELLO_BYTES = 200


class RankServer(socketserver.ThreadingTCPServer):
    """Hears the ranks; a rank ends when its connection does.

    Args:
        host: to listen at.
        heard: takes each line.
        gone: takes the number of each rank whose connection has ended.
    """

    allow_reuse_address = True

    def __init__(self, host: str, heard: Callable[[str], None], gone: Callable[[int], None]) -> None:
        super().__init__((host, 0), _Conversation)
        self.token = secrets.token_hex(16)
        self.heard, self.gone = heard, gone
        self._changed = threading.Condition()
        self._admitted: set[int] = set()
        self._connections: dict[int, socket.socket] = {}
        self._is_open = True

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def admit(self, hello: str, connection: socket.socket) -> int | None:
        """The rank that says `hello`; none if it is none of ours, comes late, or a second time.

        It comes a second time when Spark has begun the tasks anew, whose ranks know nothing of it.
        """
        token, _, rank = hello.strip().partition(" ")
        with self._changed:
            known = hmac.compare_digest(token, self.token) and rank.isdecimal()
            if not known or not self._is_open or int(rank) in self._admitted:
                return None
            self._admitted.add(int(rank))
            self._connections[int(rank)] = connection
            return int(rank)

    def leave(self, rank: int) -> None:
        """Take that a rank's connection has ended."""
        self.gone(rank)
        with self._changed:
            del self._connections[rank]
            self._changed.notify_all()

    def hang_up(self) -> None:
        """End the ranks that there are, and admit no more; what they say last is still heard."""
        with self._changed:
            self._is_open = False
            self._shut(socket.SHUT_WR)

    def cut_off(self, patience_s: float) -> None:
        """Hear no more from ranks that have not left within a while after all was over."""
        with self._changed:
            self._changed.wait_for(lambda: not self._connections, patience_s)
            self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        for connection in self._connections.values():
            with suppress(OSError):
                connection.shutdown(how)


class _Conversation(socketserver.StreamRequestHandler):
    server: RankServer

    def handle(self) -> None:
        self.connection.settimeout(_HELLO_S)
        try:
            hello = self.rfile.readline(_HELLO_BYTES).decode("ascii", "replace")
        except OSError:
            return
        rank = self.server.admit(hello, self.connection)
        if rank is None:
            return
        keep_alive(self.connection)
        with suppress(OSError):
            for line in self.rfile:
                self.server.heard(line.decode("utf-8", "replace"))
        self.server.leave(rank)


class Rendezvous(RendezvousHTTPServer):
    """Horovod's key-value store, at one address instead of all that the machine has."""

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), RendezvousHandler, 0)

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which takes long where no name server answers."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


@contextmanager
def served(server: socketserver.TCPServer) -> Iterator[None]:
    """Serve from a thread; at the end wait for conversations that are under way."""
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

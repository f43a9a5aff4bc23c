"""The parameter server of asynchronous training, over real connections: who may ask, what changes weights."""

import http.client
import pickle
import re
import socket
import threading
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from elephas.utils import weights_to_bytes

from invoicelake.config import SettingsError
from invoicelake.errors import JobError
from invoicelake.training.launchers.parameter_client import ParameterClient
from invoicelake.training.launchers.parameter_server import ParameterServer
from invoicelake.training.launchers.slots import parameter_host

WEIGHTS = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(4, dtype=np.float32)]
DELTA = [np.full((2, 3), 0.5, dtype=np.float32), np.zeros(4, dtype=np.float32)]
UPDATE = weights_to_bytes(DELTA)
OTHER_SHAPES = [np.full((3, 2), 0.5, dtype=np.float32), np.zeros(4, dtype=np.float32)]
PICKLE = pickle.dumps(np.zeros(4)).ljust(len(UPDATE), b".")[: len(UPDATE)]

REQUESTS = [
    # why                     method  path           secret     body                                  status
    ("weights", "GET", "/parameters", "right", None, 200),
    ("update", "POST", "/update", "right", UPDATE, 200),
    ("no secret, weights", "GET", "/parameters", None, None, 401),
    ("no secret, update", "POST", "/update", None, UPDATE, 401),
    ("wrong secret, weights", "GET", "/parameters", "wrong", None, 401),
    ("wrong secret, update", "POST", "/update", "wrong", UPDATE, 401),
    ("secret with more behind", "POST", "/update", "longer", UPDATE, 401),
    ("secret that is no ASCII", "POST", "/update", "é", UPDATE, 401),
    ("no secret, no such page", "GET", "/console", None, None, 401),
    ("no such page", "GET", "/console", "right", None, 404),
    ("weights as update", "POST", "/parameters", "right", UPDATE, 404),
    ("update without content", "GET", "/update", "right", None, 404),
    ("too long", "POST", "/update", "right", UPDATE + b"\0", 413),
    ("too short", "POST", "/update", "right", UPDATE[:-1], 400),
    ("other shapes", "POST", "/update", "right", weights_to_bytes(OTHER_SHAPES), 400),
    ("a pickle", "POST", "/update", "right", PICKLE, 400),
    ("objects", "POST", "/update", "right", UPDATE.replace(b"float32", b"object_"), 400),
    ("other types", "POST", "/update", "right", UPDATE.replace(b"float32", b"uint32 ", 1), 400),
    ("another method", "PUT", "/update", "right", UPDATE, 501),
]


@pytest.fixture(params=[True, False], ids=["asynchronous", "hogwild"])
def server(request):
    with ParameterServer(WEIGHTS, "127.0.0.1", is_locked=request.param) as running:
        yield running


def ask(client, method, path, body, headers):
    with closing(http.client.HTTPConnection(client._host, client._port, timeout=10)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def authorized(client, secret):
    secrets = {"right": client._secret, "wrong": "x" * len(client._secret), "longer": client._secret + "x"}
    return {} if secret is None else {"Authorization": f"Bearer {secrets.get(secret, secret)}"}


def test_requests(server):
    for why, method, path, secret, body, expected in REQUESTS:
        before = server.client.get_parameters()
        status, _ = ask(server.client, method, path, body, authorized(server.client, secret))
        assert status == expected, why
        change = DELTA if why == "update" else [np.zeros_like(values) for values in DELTA]
        for now, then, delta in zip(server.client.get_parameters(), before, change, strict=True):
            np.testing.assert_array_equal(now, then - delta, err_msg=why)


@pytest.mark.parametrize(
    ("length", "status"), [("", 411), ("-1", 411), ("1e9", 411), ("9" * 19, 413), ("9" * 30, 411)]
)
def test_announced_length(server, length, status):
    headers = authorized(server.client, "right") | {"Content-Length": length}
    assert ask(server.client, "POST", "/update", None, headers)[0] == status


def test_refused_client_says_why(server):
    stranger = ParameterClient(server.client._host, server.client._port, "guess")
    with pytest.raises(JobError, match="answered 401 to POST /update: this server is for the workers"):
        stranger.update_parameters(DELTA)


def test_secret_of_its_own():
    servers = [ParameterServer(WEIGHTS, "127.0.0.1", is_locked=True) for _ in range(2)]
    with servers[0], servers[1]:
        known = [(server.client._secret, server.client._port) for server in servers]
    assert [len(set(each)) for each in zip(*known, strict=True)] == [2, 2]
    assert min(len(secret) for secret, _ in known) >= 32


def test_updates_of_many_workers_all_count(server):
    client = server.client

    def work():
        for _ in range(20):
            client.update_parameters([np.ones_like(values) for values in WEIGHTS])
            client.get_parameters()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for now, then in zip(client.get_parameters(), WEIGHTS, strict=True):
        np.testing.assert_array_equal(now, then - 80)


def open_connections(server):
    """One that says nothing, and one that stops in the midst of an update."""
    address = (server.client._host, server.client._port)
    silent, slow = socket.create_connection(address), socket.create_connection(address)
    slow.sendall(
        f"POST /update HTTP/1.0\r\nAuthorization: Bearer {server.client._secret}\r\n"
        f"Content-Length: {server.update_bytes}\r\n\r\n".encode()
    )
    return silent, slow


@pytest.mark.timeout(20)  # Less than the server waits for one who says nothing.
def test_nothing_is_left_open():
    before = threading.active_count()
    with ParameterServer(WEIGHTS, "127.0.0.1", is_locked=True) as server:
        connections = open_connections(server)
        assert server.client.get_parameters()
    for connection in connections:
        connection.close()
    assert threading.active_count() == before
    with socket.create_server((server.client._host, server.client._port)):
        pass


def test_address_of_one_interface_alone(server):
    host, port = server.client._host, server.client._port
    with open("/proc/net/tcp", encoding="ascii") as listening:
        rows = re.findall(rf" ([0-9A-F]{{8}}):{port:04X} 00000000:0000 0A", listening.read())
    assert (host, rows) == ("127.0.0.1", ["0100007F"])


HOSTS = [
    # master, address of the driver, is allowed    host, or why not
    ("local[2]", "192.168.1.5", False, "127.0.0.1"),
    ("spark://here:7077", "127.0.0.1", False, "127.0.0.1"),
    ("spark://there:7077", "10.0.0.5", True, "10.0.0.5"),
    ("spark://there:7077", "10.0.0.5", False, r"10\.0\.0\.5 in plain HTTP.*elephas_unencrypted=true"),
    ("spark://there:7077", "8.8.8.8", True, r"8\.8\.8\.8, which is no private address"),
    ("spark://there:7077", "0.0.0.0", True, r"0\.0\.0\.0, which is no private address"),
]


@pytest.mark.parametrize(("master", "driver", "is_allowed", "expected"), HOSTS)
def test_host_is_private_and_a_network_refused_unless_allowed(master, driver, is_allowed, expected):
    context = SimpleNamespace(master=master, getConf=lambda: {"spark.driver.host": driver})
    if expected[-1].isdigit():
        assert parameter_host(context, is_allowed) == expected
        return
    with pytest.raises(SettingsError, match=expected):
        parameter_host(context, is_allowed)

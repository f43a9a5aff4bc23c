"""Where ranks are: which of them share a machine, and by which network interface each reaches the others."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

_LOOPBACK = "127.0.0.1"
# Nothing is sent there: a port is needed to ask the system for the route.
_DISCARD_PORT = 9


def place(rank: int, hosts: Sequence[str]) -> dict[str, str]:
    """What Horovod must know of a rank, as environment variables.

    Args:
        rank: whose.
        hosts: name or address of each rank's machine, as Spark knows it.
    """
    local = [hosts[:number].count(host) for number, host in enumerate(hosts)]
    return {
        "HOROVOD_RANK": str(rank),
        "HOROVOD_SIZE": str(len(hosts)),
        "HOROVOD_LOCAL_RANK": str(local[rank]),
        "HOROVOD_LOCAL_SIZE": str(hosts.count(hosts[rank])),
        "HOROVOD_CROSS_RANK": str(local[:rank].count(local[rank])),
        "HOROVOD_CROSS_SIZE": str(local.count(local[rank])),
        # Ranks of one machine meet under its name; a number cannot hold what no URL may.
        "HOROVOD_HOSTNAME": f"machine-{sorted(set(hosts)).index(hosts[rank])}",
    }


def interface_to_others(rank: int, hosts: Sequence[str]) -> str:
    """Name of the interface by which a rank, on whose machine this runs, reaches those on other machines.

    It need not have that name on those: a machine calls it eth0 and the next one ens5.
    """
    others = [host for host in hosts if host != hosts[rank]]
    return _interface_towards(others[0] if others else _LOOPBACK)


def require_own_name(rank: int, hosts: Sequence[str]) -> None:
    """Check, on the rank's machine, that its name stands for an address that others can reach.

    Horovod 0.28 opens its main connections by the interface that it is told, and those of its process sets,
    of which the first holds all ranks, by the machine's name: `GlooContext::InitializeForProcessSet` reads
    the interface of an object that has none yet.

    Raises:
        OSError: it stands for nothing, or for this machine's loopback, as installers of some systems write it
            in /etc/hosts.
    """
    if all(host == hosts[rank] for host in hosts):
        return
    name = socket.gethostname()
    address = _address_of(name)
    if address is None or ipaddress.ip_address(address).is_loopback:
        raise OSError(
            f"the machine of rank {rank} takes its own name {name} for {address or 'nothing'}, "
            "which ranks of other machines cannot reach; "
            f"write the line '{hosts[rank]} {name}' in its /etc/hosts instead"
        )


def _address_of(name: str) -> str | None:
    try:
        address = str(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4][0])
    except socket.gaierror:
        return None
    return address.partition("%")[0]


def _interface_towards(host: str) -> str:
    import psutil

    family, _, _, _, address = socket.getaddrinfo(host, _DISCARD_PORT, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect(address)
        own = asked.getsockname()[0]
    for name, addresses in psutil.net_if_addrs().items():
        if any(entry.address.partition("%")[0] == own for entry in addresses):
            return str(name)
    raise OSError(f"{host} is reached from {own}, which no network interface here has")

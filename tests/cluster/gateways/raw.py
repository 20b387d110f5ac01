"""A gateway whose other end is the test, byte by byte."""

from __future__ import annotations

from typing import Any

from pubsub.cluster.gateways.protocol import GatewayProtocol
from pubsub.config.options import GatewayUrl
from tests.cluster.gateways.world import GATEWAYS, Server, World
from tests.cluster.raw import Raw, line

INFO: dict[str, Any] = {
    "server_id": "NX",
    "server_name": "x",
    "version": "2.15.0",
    "proto": 2,
    "host": "x",
    "port": GATEWAYS,
    "headers": True,
    "max_payload": 1048576,
    "gateway": "B",
    "gateway_urls": ["x:7222"],
    "gateway_url": "x:7222",
    "gateway_nrp": True,
    "gateway_iom": True,
}
#: as a server before 2.2 introduces itself
OLD_INFO = {
    key: value for key, value in INFO.items() if key not in ("gateway_nrp", "gateway_iom")
} | {"version": "2.1.0", "headers": False}
CONNECT: dict[str, Any] = {
    "echo": False,
    "verbose": False,
    "pedantic": False,
    "tls_required": False,
    "headers": False,
    "name": "NX",
    "cluster": "",
    "gateway": "B",
}


def a_server(**settings: Any) -> Server:
    """Server ``a`` of cluster ``A``, which listens for gateways."""
    server = World().server("a", "A", **settings)
    server.gateways.start(GATEWAYS)
    return server


def accepted(server: Server, step: int = 0) -> Raw:
    """A server of another cluster came."""
    protocol: Any = server.gateway_factory.buildProtocol(None)
    return Raw(server, protocol, step)


def came(server: Server, info: dict[str, Any] = INFO, step: int = 0) -> Raw:
    """A server of another cluster came, and introduced itself; what it was told is dropped."""
    raw = accepted(server, step)
    raw.received()
    raw.send(line(b"CONNECT", CONNECT), line(b"INFO", info))
    return raw


def dialled(server: Server, name: str = "B", step: int = 0, **url: str) -> Raw:
    """It connected to another cluster of its ``gateways``."""
    remote = server.gateways.remotes[name]
    protocol: Any = GatewayProtocol(server.gateways, remote, GatewayUrl("x", GATEWAYS, **url))
    return Raw(server, protocol, step)


def found(server: Server, info: dict[str, Any] = INFO, step: int = 0) -> Raw:
    """It connected to another cluster, and that is what it looked for."""
    raw = dialled(server, step=step)
    raw.send(line(b"INFO", info))
    return raw


def command(number: int, account: str | None = "JEc=") -> bytes:
    """INFO that begins (2) or ends (3) the telling of all interest in ``$G``."""
    members: dict[str, Any] = {"gateway": "B", "gateway_cmd": number}
    if account is not None:
        members["gateway_cmd_payload"] = account
    return line(b"INFO", members)

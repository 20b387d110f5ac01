"""A route whose other end is the test, byte by byte."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.testing import StringTransport

from pubsub.cluster.protocol import RouteProtocol
from pubsub.cluster.solicit import Target
from pubsub.config.options import RouteUrl
from pubsub.errors import ClosedState
from tests.cluster.network import Node

INFO: dict[str, Any] = {
    "server_id": "NX",
    "server_name": "x",
    "version": "2.15.0",
    "proto": 2,
    "host": "x",
    "port": 6222,
    "headers": True,
    "max_payload": 1048576,
    "cluster": "C",
    "connect_urls": ["x:4222"],
    "lnoc": True,
    "lnocu": True,
}
CONNECT: dict[str, Any] = {
    "echo": True,
    "verbose": False,
    "pedantic": False,
    "tls_required": False,
    "headers": True,
    "name": "NX",
    "cluster": "C",
    "lnoc": True,
}


class Raw:
    """A route whose other end is the test."""

    def __init__(self, node: Node, protocol: RouteProtocol, step: int = 0) -> None:
        self.node = node
        self.protocol = protocol
        self.transport = StringTransport()
        self.step = step
        protocol.makeConnection(self.transport)
        node.network.settle(0.05)

    def send(self, *lines: bytes) -> list[str]:
        """Send lines; what came back."""
        data = b"".join(line + b"\r\n" for line in lines)
        step = self.step or len(data)
        for start in range(0, len(data), step):
            self.protocol.dataReceived(data[start : start + step])
        return self.received()

    def received(self) -> list[str]:
        """What it got since the last call."""
        self.node.network.settle(0.05)
        data: bytes = self.transport.value()
        self.transport.clear()
        return data.decode().split("\r\n")[:-1]

    @property
    def state(self) -> ClosedState | None:
        """Why it was closed."""
        return self.protocol.closed_state


def line(verb: bytes, members: dict[str, Any], **changes: Any) -> bytes:
    """INFO or CONNECT."""
    return verb + b" " + json.dumps(members | changes).encode()


def accepted(node: Node, step: int = 0) -> Raw:
    """Another server came to ``node``."""
    protocol = node.factory.buildProtocol(None)
    return Raw(node, protocol, step)


def member(node: Node, **info: Any) -> Raw:
    """Another server came, introduced itself, and is a member."""
    raw = accepted(node)
    raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO, **info))
    return raw


def target() -> Target:
    """Where it would be."""
    return Target(RouteUrl("x", 6222, "u", "p"), True)

"""The pages over real clients and a real router: what they do is what is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from pubsub.auth.anonymous import AnonymousAuthenticator
from pubsub.client.context import ClientContext
from pubsub.client.factory import ClientFactory
from pubsub.interfaces import RouterSettings
from pubsub.monitor.pages import Pages
from pubsub.router.python.router import PythonRouter
from pubsub.wire.info import InfoRenderer
from tests.monitor.fakes import START, FakeServer


class Running(FakeServer):
    """A server with the real rooms behind it, its time moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clock.rightNow = START
        self.router = PythonRouter(RouterSettings(), self.clock.seconds, self.clock.seconds)
        context = ClientContext(
            options=self.options, router=self.router, clock=self.clock,
            authenticator=AnonymousAuthenticator(), info=InfoRenderer(self.info),
            registry=self.registry, wall=self.clock.seconds, monotonic=self.clock.seconds,
        )  # fmt: skip
        self.factory = ClientFactory(context)
        self.pages = Pages(self)

    def now(self) -> float:
        return self.clock.seconds()

    def join(self, port: int, sent: bytes) -> Any:
        """A client connects and sends something; its protocol."""
        protocol: Any = self.factory.buildProtocol(None)
        transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.9", port))
        protocol.makeConnection(transport)
        protocol.dataReceived(sent)
        return protocol

    def page(self, path: str, query: bytes = b"") -> dict[str, Any]:
        answer = self.pages.answer(path, query)
        assert answer.code == 200
        shown: dict[str, Any] = json.loads(answer.body)
        return shown


@pytest.fixture
def running() -> Running:
    return Running()


def test_what_clients_do_is_what_the_pages_show(running: Running) -> None:
    own = running.page("/varz")["subscriptions"]
    running.join(1000, b'CONNECT {"name":"a","lang":"go","version":"1.2"}\r\nSUB foo.* q 1\r\n')
    running.clock.advance(2)
    running.join(1001, b'CONNECT {"user":"bob"}\r\nPUB foo.x 5\r\nhello\r\n')
    running.clock.advance(60)
    first, second = running.page("/connz", b"auth=1&subs=1")["connections"]
    assert (first["ip"], first["port"], first["name"], first["lang"]) == (
        "192.0.2.9", 1000, "a", "go",
    )  # fmt: skip
    assert (first["out_msgs"], first["out_bytes"], first["subscriptions"]) == (1, 5, 1)
    assert first["subscriptions_list"] == ["foo.*"]
    assert (first["uptime"], second["uptime"], second["idle"]) == ("1m2s", "1m0s", "1m0s")
    assert (second["in_msgs"], second["in_bytes"], second["authorized_user"]) == (1, 5, "bob")
    general = running.page("/varz")
    assert (general["connections"], general["total_connections"]) == (2, 2)
    assert (general["in_msgs"], general["out_bytes"], general["subscriptions"] - own) == (1, 5, 1)
    routed = running.page("/subsz", b"subs=1&test=foo.y")
    # there are those of the imports that every account has, too
    assert (routed["num_subscriptions"] - own, routed["num_inserts"] - own) == (1, 1)
    assert routed["total"] == 1
    assert routed["subscriptions_list"][0]["msgs"] == 1


def test_a_client_that_left_is_remembered(running: Running) -> None:
    protocol = running.join(1000, b"CONNECT {}\r\nSUB foo 1\r\n")
    running.clock.advance(5)
    protocol.connectionLost(Failure(ConnectionDone()))
    assert running.page("/connz")["connections"] == []
    row = running.page("/connz", b"state=closed&subs=detail")["connections"][0]
    assert (row["reason"], row["uptime"], row["subscriptions"]) == ("Client Closed", "5s", 1)
    assert row["subscriptions_list_detail"][0]["subject"] == "foo"


def test_a_client_that_has_not_said_anything_is_shown(running: Running) -> None:
    running.join(1000, b"")
    row = running.page("/connz", b"subs=detail&auth=1")["connections"][0]
    assert (row["cid"], row["rtt"], row["subscriptions"]) == (1, "0s", 0)

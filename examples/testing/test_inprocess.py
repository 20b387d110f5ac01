"""A Twisted test-suite with the server on its own reactor: no process, no waiting.

Run it with ``pytest``; pytest-twisted has to be installed.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.protocols.basic import LineReceiver

from pubsub.testing.inprocess import InProcessServer


class Listener(LineReceiver):
    """The application under test: it waits for one message on a subject."""

    def __init__(self, subject: bytes) -> None:
        self.subject = subject
        self.heard: Deferred[bytes] = Deferred()
        self.subscribed: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.sendLine(b'CONNECT {"verbose":false}')
        self.sendLine(b"SUB %b 1" % self.subject)
        self.sendLine(b"PING")

    def lineReceived(self, line: bytes) -> None:
        if line == b"PONG":
            self.subscribed.callback(None)
        elif line.startswith(b"MSG "):
            self.setRawMode()

    def rawDataReceived(self, data: bytes) -> None:
        self.heard.callback(data.removesuffix(b"\r\n"))


@pytest_twisted.inlineCallbacks
def test_the_listener_hears(pubsub_inprocess: InProcessServer) -> Generator[Any, Any, None]:
    endpoint = TCP4ClientEndpoint(reactor, pubsub_inprocess.host, pubsub_inprocess.port)
    listener = yield connectProtocol(endpoint, Listener(b"greet.*"))
    yield listener.subscribed

    # the server is an object in this process: publish without a connection
    router = pubsub_inprocess.server.router
    router.publish("$G", b"greet.joe", b"", b"", b"hello")
    router.flush()

    assert (yield listener.heard) == b"hello"

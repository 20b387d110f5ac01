"""Servers on the reactor of the test-suite, which have to leave it as they found it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred

from pubsub.client import keepalive
from pubsub.config.options import RANDOM_PORT, Options
from pubsub.server import PubSubServer
from tests.patience import PATIENCE, until
from tests.router.recording import native_backend
from tests.server.peer import Peer, connect

reactor: Any = installed


class Served:
    """A server, its configuration that a test may change, and its clients."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.peers: list[Peer] = []
        self.stopped = 0
        self._ended: Deferred[None] = Deferred()
        self.server = PubSubServer(
            options, reactor, read_options=lambda: self.options, on_stopped=self._stopped
        )

    def _stopped(self) -> None:
        self.stopped += 1
        self._ended.callback(None)

    def ended(self) -> Deferred[None]:
        """Fires when the server has stopped by itself."""
        return self._ended.addTimeout(PATIENCE, reactor)

    async def peer(self, port: int = 0, host: str = "127.0.0.1") -> Peer:
        """A new connection of which nothing was read yet."""
        peer = await connect(host, port or self.server.port)
        self.peers.append(peer)
        return peer

    async def client(self, connect: bytes = b'{"verbose":false}') -> Peer:
        """A client that has been welcomed."""
        peer = await self.peer()
        await peer.until(b"\r\n")
        await peer.ask(b"CONNECT " + connect + b"\r\n")
        return peer

    async def modern_client(self) -> Peer:
        """One that understands INFO at any time, and has got the one that answers its PING."""
        peer = await self.client(b'{"verbose":false,"protocol":1,"headers":true}')
        await peer.info()
        return peer

    def reload(self, **changes: Any) -> None:
        """Change the configuration and have it read again."""
        self.options = replace(self.options, **changes)
        self.server.reload()


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture(params=["native", "python"])
def router(request: pytest.FixtureRequest) -> str:
    """Both routers."""
    name: str = request.param
    if name == "native":
        native_backend()
    return name


def _left(calls: list[Any], readers: list[Any]) -> list[Any]:
    """What is in the reactor that was not there before."""
    # what wakes the reactor up comes when it first runs, and stays
    known = [*readers, *reactor._internalReaders]
    left = [call for call in reactor.getDelayedCalls() if call not in calls]
    return left + [
        each for each in reactor.getReaders() + reactor.getWriters() if each not in known
    ]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts servers: ``await serve(max_payload=10)``. Nothing of them may be left behind."""
    # what comes is compared to the byte: no PING in it, however slow the machine
    monkeypatch.setattr(keepalive, "FIRST_PING", 3600.0)
    calls, readers = reactor.getDelayedCalls(), reactor.getReaders()
    served: list[Served] = []

    async def start(**options: Any) -> Served:
        one = Served(Options(**{"host": "127.0.0.1", "port": RANDOM_PORT, **options}))
        served.append(one)
        await one.server.open()
        return one

    yield start
    for one in served:
        blockon(one.server.close())
        for peer in one.peers:
            if peer.transport is not None:
                peer.transport.abortConnection()
    try:
        blockon(until(lambda: not _left(calls, readers), "the end of what servers have begun"))
    except AssertionError as error:
        left = [str(each) for each in _left(calls, readers)]
        raise AssertionError("\n".join([str(error), *left])) from error

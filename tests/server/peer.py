"""The other end of a connection: says what it is told to, and waits for what it hears."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.patience import PATIENCE

reactor: Any = installed


class Peer(Protocol):
    """A client of few words.

    :ivar received: what has come and was not taken yet.
    :ivar gone: fires with all that was left when the connection is over.
    """

    transport: Any

    def __init__(self) -> None:
        self.received = b""
        self.gone: Deferred[bytes] = Deferred()
        self.lost = False
        self._waiting: list[tuple[bytes, Deferred[bytes]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        self.transport = None
        waiting, self._waiting = self._waiting, []
        for text, deferred in waiting:
            deferred.errback(AssertionError(f"waited for {text!r}, closed after {self.received!r}"))
        self.gone.callback(self.received)

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def until(self, text: bytes) -> Deferred[bytes]:
        """Everything up to ``text`` and with it, once it has come."""
        deferred: Deferred[bytes] = Deferred()
        self._waiting.append((text, deferred))
        self._look()
        return deferred.addTimeout(PATIENCE, reactor)

    def closed(self) -> Deferred[bytes]:
        """What was said before the connection ended."""
        deferred: Deferred[bytes] = Deferred()

        def tell(rest: bytes) -> bytes:
            deferred.callback(rest)
            return rest

        self.gone.addCallback(tell)
        return deferred.addTimeout(PATIENCE, reactor)

    async def info(self) -> dict[str, Any]:
        """The next INFO."""
        line = await self.until(b"\r\n")
        verb, _, fields = line.partition(b" ")
        assert verb == b"INFO", line
        found: dict[str, Any] = json.loads(fields)
        return found

    async def ask(self, data: bytes) -> bytes:
        """What is said to ``data`` before the PONG of a PING that follows it."""
        self.send(data + b"PING\r\n")
        answer = await self.until(b"PONG\r\n")
        return answer[: -len(b"PONG\r\n")]

    def _look(self) -> None:
        while self._waiting and self._waiting[0][0] in self.received:
            text, deferred = self._waiting.pop(0)
            end = self.received.index(text) + len(text)
            taken, self.received = self.received[:end], self.received[end:]
            deferred.callback(taken)


async def connect(host: str, port: int) -> Peer:
    """A connected peer."""
    peer: Peer = await connectProtocol(HostnameEndpoint(reactor, host, port), Peer())
    return peer

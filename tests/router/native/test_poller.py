"""One poll of the reactor, over real sockets: what a link is served, and how it ends."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST

from tests.router.recording import World, native_backend

poller = pytest.importorskip("pubsub.router.native.poller")


class Transport:
    """What a link that is bound to a socket asks of its transport."""

    def __init__(self) -> None:
        self.written = 0

    def doWrite(self) -> None:
        self.written += 1

    def startWriting(self) -> None:
        """Nothing is ever left over here."""


class Reactor:
    """Notes who is disconnected, why, and whether reading found out."""

    def __init__(self) -> None:
        self.lost: list[tuple[Any, Any, bool]] = []

    def _disconnectSelectable(self, selectable: Any, why: Any, reading: bool) -> None:
        self.lost.append((selectable, why, reading))


class Connection:
    """A link bound to one end of a TCP connection, and the other end."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.peer = socket.create_connection(listening.getsockname())
            self.near, _ = listening.accept()
        self.near.setblocking(False)
        self.world = World(native_backend())
        self.link = self.world.attach("a")
        self.transport = Transport()
        assert self.link.bind(self.near.fileno(), self.transport)
        self.reactor = Reactor()
        self.epoll = select.epoll()

    def poll(self, interest: int) -> None:
        """One turn of the reactor, which is interested in that."""
        self.epoll.register(self.near.fileno(), interest)
        poller.poll(self.reactor, self.epoll.fileno(), 10.0, {})
        self.epoll.unregister(self.near.fileno())

    def reset(self) -> None:
        """The peer is gone with an RST."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()

    def close(self) -> None:
        self.link.unbind()
        self.epoll.close()
        self.near.close()
        self.peer.close()


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = Connection()
    yield made
    made.close()


def test_what_arrives_is_parsed_and_answered(connection: Connection) -> None:
    connection.peer.sendall(b"PING\r\n")
    connection.poll(select.EPOLLIN)
    assert connection.peer.recv(100) == b"PONG\r\n"
    assert connection.reactor.lost == []


def test_the_end_of_the_input_is_found_by_reading(connection: Connection) -> None:
    connection.peer.close()
    connection.poll(select.EPOLLIN)
    assert connection.reactor.lost == [(connection.transport, CONNECTION_DONE, True)]


def test_a_writable_socket_is_written_by_its_transport(connection: Connection) -> None:
    connection.poll(select.EPOLLOUT)
    assert connection.transport.written == 1


def test_a_link_that_is_closing_ends_when_its_peer_is_gone(connection: Connection) -> None:
    """It is not read any more: the end of the input would be found again and again instead."""
    connection.link.close()
    connection.reset()
    connection.poll(select.EPOLLOUT)
    assert connection.reactor.lost == [(connection.transport, CONNECTION_LOST, False)]
    assert connection.transport.written == 0

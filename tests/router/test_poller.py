"""The poll loop of our reactor, one turn at a time, on a socket pair."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet import main

from tests.router.recording import World, native_backend

poller = pytest.importorskip("pubsub.router.native.poller")


class FakeReactor:
    """The two things of an epoll reactor the poll loop uses, and the descriptor's owner."""

    def __init__(self) -> None:
        self._reads: set[int] = set()
        self.disconnected: list[tuple[Any, bool]] = []
        self.writes = 0

    def _disconnectSelectable(self, selectable: Any, why: Any, reading: bool) -> None:
        assert selectable is self
        self.disconnected.append((why, reading))

    def startWriting(self) -> None:
        """The transport of the link is asked to wait for room."""

    def doWrite(self) -> None:
        """The transport may write."""
        self.writes += 1


class Pair:
    """A connection bound to a link, its peer, and an epoll descriptor."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.poll = select.epoll()
        self.reactor = FakeReactor()
        self.world = World(native_backend())
        self.link = self.world.attach("A")
        assert self.link.bind(self.near.fileno(), self.reactor)

    def turn(self, *, reading: bool) -> list[tuple[Any, bool]]:
        """One turn with the interest a transport has; who was disconnected, and in what."""
        self.poll.register(self.near, select.EPOLLIN if reading else select.EPOLLOUT)
        self.reactor._reads = {self.near.fileno()} if reading else set()
        poller.poll(self.reactor, self.poll.fileno(), 5.0, {})
        return self.reactor.disconnected

    def close(self) -> None:
        """Let go of everything."""
        self.link.unbind()
        for one in (self.near, self.far, self.poll):
            one.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def test_the_end_of_input_is_a_half_close_for_whoever_reads(pair: Pair) -> None:
    pair.far.close()
    assert pair.turn(reading=True) == [(main.CONNECTION_DONE, True)]


def test_a_hangup_ends_a_connection_that_is_being_closed(pair: Pair) -> None:
    """Reading it again would report the same end of input for ever, at full speed."""
    pair.link.close()
    pair.far.close()
    assert pair.turn(reading=False) == [(main.CONNECTION_LOST, False)]
    assert pair.reactor.writes == 0


def test_room_to_write_is_the_transports(pair: Pair) -> None:
    assert pair.turn(reading=False) == []
    assert pair.reactor.writes == 1

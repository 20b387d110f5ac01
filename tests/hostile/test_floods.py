"""Too many connections, connections that come and go at once, connections that are torn down."""

from __future__ import annotations

import errno
import selectors
import socket

import pytest

from tests.hostile.peers import PATIENCE, Peer, Witness, hello
from tests.hostile.servers import Server, Starter, eventually, needs_proc

FULL = b"-ERR 'maximum connections exceeded'\r\n"


@pytest.mark.compared
def test_connections_beyond_the_maximum_are_told_and_closed(start: Starter) -> None:
    server = start("max_connections: 10\n")
    witness = Witness(server.client(), server.client())
    inside = [server.client() for _ in range(8)]
    for _ in range(3):
        outside = [server.peer() for _ in range(100)]
        witness.speak()
        assert {peer.rest() for peer in outside} == {FULL}
        witness.check()
        for peer in inside:
            peer.ping()
    assert server.reason(outside[-1].cid) == "Maximum Connections Exceeded"
    inside.pop().hang_up()
    eventually(lambda: server.varz("connections") == 9, "one has left")
    server.client().ping()
    assert server.varz("total_connections") == 10 + 300 + 1
    log = server.child.log
    assert "maximum connections exceeded" in log
    assert not server.flavour.ours or len(log.splitlines()) < 150, "the flood is not in the log"


@pytest.mark.compared
def test_a_client_killed_in_the_middle_of_a_payload_is_forgotten(start: Starter) -> None:
    server = start()
    witness = Witness(server.client(), server.client())
    for round_ in range(50):
        peer = server.client()
        peer.send(b"SUB some.> 1\r\nPUB witness.said 500000\r\n" + b"x" * (round_ * 100))
        witness.speak()
        peer.reset()
    eventually(lambda: server.varz("connections") == 2, "the killed ones are gone")
    if server.flavour.ours:  # nats-server counts its own, too
        assert server.subscriptions() == 1
    witness.check()


def sources() -> list[str]:
    """As many local addresses as 10,000 connections twice need."""
    return [f"127.0.0.{last}" for last in range(2, 6)]


class Flood:
    """Thousands of connections from this process, in one selector's hands."""

    def __init__(self, server: Server, count: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        addresses = sources()
        for number in range(count):
            self._open(server.child.port, addresses[number % len(addresses)])

    def _open(self, port: int, source: str) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((source, 0))
        outcome = sock.connect_ex(("127.0.0.1", port))
        assert outcome in (0, errno.EINPROGRESS), outcome
        self._sockets.append(sock)
        self._selector.register(sock, selectors.EVENT_READ)

    def greeted(self) -> None:
        """Wait until each of them was sent its INFO."""
        left = len(self._sockets)
        while left:
            ready = self._selector.select(PATIENCE)
            assert ready, f"{left} connections were never answered"
            for key, _ in ready:
                assert key.fileobj.recv(4096).startswith(b"INFO ")  # type: ignore[union-attr]
                self._selector.unregister(key.fileobj)
                left -= 1

    def send(self, data: bytes) -> None:
        for sock in self._sockets:
            sock.send(data)

    def drop(self, *, rudely: bool) -> None:
        """All at once."""
        self._selector.close()
        for sock in self._sockets:
            if rudely:
                # unread input makes it a reset, and so does this
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()
        self._sockets = []


#: What 10,000 connections may leave behind: the descriptions of closed ones (10,000 by
#: default), tables that grew, and an allocator that keeps its arenas.
LEFT_BEHIND = 48 << 20


@needs_proc
@pytest.mark.slow
@pytest.mark.time_limit(600)
def test_ten_thousand_connections_opened_and_dropped_leave_nothing(
    start: Starter, many: int
) -> None:
    server = start()
    witness = Witness(server.client(), server.client())
    descriptors = server.descriptors()
    resident: list[int] = []
    for round_ in range(3):
        flood = Flood(server, many)
        flood.greeted()
        witness.check()
        # the last time they do not even say who they are
        if round_ < 2:
            flood.send(hello() + b"SUB flood.> 1\r\nSUB flood.* queue 2\r\nPUB flood.x 50\r\nhalf")
        flood.drop(rudely=bool(round_))
        witness.check()
        eventually(lambda: server.varz("connections") == 2, "all of them are gone")
        witness.check()
        assert server.subscriptions() == 1
        # one for the request that asks
        eventually(lambda: server.descriptors() <= descriptors + 1, "no descriptor is left")
        resident.append(server.resident())
    assert resident[-1] - resident[0] < LEFT_BEHIND, resident
    assert server.varz("total_connections") == 3 * many + 2
    server.client().ping()


@needs_proc
def test_connections_dropped_before_they_are_accepted_leave_nothing(start: Starter) -> None:
    server = start()
    witness = Witness(server.client(), server.client())
    before = server.descriptors()
    for rudely in (False, True):
        for _ in range(5):
            Flood(server, 200).drop(rudely=rudely)
            witness.check()
    eventually(lambda: server.varz("connections") == 2, "all of them are gone")
    eventually(lambda: server.descriptors() <= before + 1, "no descriptor is left")


def test_a_million_subscriptions_stop_at_the_maximum(start: Starter) -> None:
    server = start("max_subscriptions: 1000\n")
    witness = Witness(server.client(), server.client())
    with server.client() as peer:
        for first in range(0, 50_000, 5_000):
            peer.send(b"".join(b"SUB s.%d %d\r\n" % (n, n) for n in range(first, first + 5_000)))
            refused = peer.until_pong().split(b"\r\n")[:-1]
            assert set(refused) == {b"-ERR 'maximum subscriptions exceeded'"}
            assert len(refused) == 5_000 - (0 if first else 1_000)
            witness.check()
        assert server.subscriptions() == 1001
    eventually(lambda: server.subscriptions() == 1, "they went with their client")


def test_a_peer_from_every_side(start: Starter) -> None:
    """Many well-behaved clients that crash at a bad moment: in between a subscriber's frames."""
    server = start()
    witness = Witness(server.client(), server.client())
    readers: list[Peer] = []
    for _ in range(100):
        reader = server.client()
        reader.send(b"SUB witness.> 1\r\n")
        reader.ping()
        readers.append(reader)
    for reader in readers:
        witness.speak()
        reader.reset()
    witness.check()
    eventually(lambda: server.varz("connections") == 2)

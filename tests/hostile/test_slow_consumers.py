"""Readers that stop reading while others publish: closed, held back for, or left out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.hostile.peers import PATIENCE, Peer, Witness, hello
from tests.hostile.servers import Server, Starter, eventually, needs_proc

MEBIBYTE = 1 << 20
#: one message, and what a connection's socket buffers may hold of it at most
PAYLOAD = b"PUB load 8192\r\n" + b"x" * 8192 + b"\r\n"
#: Beyond max_pending: the pool of output blocks (16 MiB), the read buffer, one more message.
MARGIN = 40 * MEBIBYTE


class Deaf(Peer):
    """A subscriber with a small window, who does not read."""

    def __init__(self, server: Server, subject: bytes = b"load") -> None:
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(("127.0.0.1", server.child.port))
        self._buffer = b""
        self.read_info()
        self.send(hello() + b"SUB %b 1\r\n" % subject)
        self.ping()


@contextmanager
def load(server: Server) -> Iterator[Peer]:
    """Somebody publishes as fast as the server takes it, until the block ends."""
    publisher = server.client()
    done = threading.Event()

    def publish() -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # the server may leave first
            while not done.is_set():
                publisher.send(PAYLOAD * 8)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield publisher
    finally:
        done.set()
        thread.join()


@needs_proc
@pytest.mark.parametrize("stall", [True, False], ids=["stall", "no_fast_producer_stall"])
def test_a_reader_that_stops_is_closed_or_left_out(start: Starter, stall: bool) -> None:
    server = start(
        f"max_pending: 8MB\nwrite_deadline: 60s\nno_fast_producer_stall: {str(not stall).lower()}\n"
    )
    witness = Witness(server.client(), server.client())
    before = server.resident()
    with Deaf(server) as deaf, load(server) as publisher:
        if stall:
            # at 75 % the publisher is held back, so it takes its time, but it comes to that
            assert server.reason(deaf.cid) == "Slow Consumer (Pending Bytes)"
            assert server.varz("slow_consumers") == 1
            assert server.varz("stalled_clients") > 0
        else:
            sent = eventually(lambda: server.varz("in_msgs") > 20_000, "the load goes on")
            assert sent
            # it gets no more than three quarters of its limit, and stays
            assert not server.page(f"connz?state=closed&cid={deaf.cid}")["connections"]
            assert server.varz("slow_consumers") == 0
        witness.check()
        assert server.resident() - before < 8 * MEBIBYTE + MARGIN
    publisher.ping()
    witness.check()
    if stall:
        assert len(server.lines(deaf.cid)) == 1


@needs_proc
def test_slow_readers_of_large_messages_share_them(start: Starter) -> None:
    server = start("max_pending: 4MB\n")
    witness = Witness(server.client(), server.client())
    before = server.resident()
    deaf = [Deaf(server) for _ in range(20)]
    with load(server):
        for peer in deaf:
            assert server.reason(peer.cid) == "Slow Consumer (Pending Bytes)"
        witness.check()
    # each of them may hold its own limit; what is large is held once
    assert server.resident() - before < 20 * 4 * MEBIBYTE + MARGIN
    assert server.varz("slow_consumers") == 20
    witness.check()


def test_a_reader_that_accepts_nothing_for_write_deadline_is_closed(start: Starter) -> None:
    server = start('write_deadline: "200ms"\nmax_pending: 64MB\n')
    witness = Witness(server.client(), server.client())
    publisher = server.client()
    with Deaf(server) as deaf:
        publisher.send(PAYLOAD * 1000)
        publisher.ping()
        assert server.reason(deaf.cid) == "Slow Consumer (Write Deadline)"
    assert server.varz("slow_consumers") == 1
    assert len(server.lines(deaf.cid)) == 1
    witness.check()

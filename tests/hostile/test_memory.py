"""What peers send and do not finish costs no more than stated here, per connection and in all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.hostile.peers import Peer, Witness
from tests.hostile.servers import Server, Starter, needs_proc

pytestmark = needs_proc

KIBIBYTE = 1024
MEBIBYTE = 1 << 20
#: What any server may grow by while it works: its read buffer, caches, the allocator's ways.
WORK = 12 * MEBIBYTE


@pytest.fixture(scope="module")
def server(start_shared: Starter) -> Server:
    return start_shared("max_control_line: 4KB\n")


#: name, what is sent again and again, and what the connection ends with, if it does
ENDLESS: dict[str, tuple[bytes, bytes, bytes]] = {
    "a line without end": (b"PUB ", b"a" * 65536, b"-ERR 'maximum control line exceeded'\r\n"),
    "blanks behind a verb": (b"SUB", b" \t" * 32768, b""),
    "blanks behind CONNECT": (b"CONNECT", b" \t" * 32768, b""),
    "a PING without end": (b"PING", b"x" * 65536, b""),
    "a +OK without end": (b"+OK", b"\0" * 65536, b""),
    "PONGs": (b"", b"PONG\r\n" * 10922, b""),
    "subjects that never come again": (b"", b"", b""),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_input_costs_nothing(server: Server, name: str) -> None:
    begin, more, end = ENDLESS[name]
    witness = Witness(server.client(), server.client())
    before = server.resident()
    with server.client() as peer:
        peer.send(begin)
        try:
            for number in range(128):
                peer.send(
                    more or b"".join(b"PUB s.%d.%d 0\r\n\r\n" % (number, n) for n in range(2000))
                )
        except (ConnectionResetError, BrokenPipeError):
            assert end
        witness.check()
        assert server.resident() - before < WORK
        if end:
            assert peer.rest() == end
    witness.check()


def _declared(peer: Peer) -> None:
    peer.send(b"PUB foo 1048576\r\n")


def _half_received(peer: Peer) -> None:
    peer.send(b"PUB foo 1048576\r\n" + b"x" * 20_000)


def _line(peer: Peer) -> None:
    peer.send(b"SUB " + b"a" * 4090)


def _subscribed(peer: Peer) -> None:
    peer.send(b"".join(b"SUB some.%d 00%d\r\n" % (n, n) for n in range(20)))


@pytest.mark.parametrize(
    ("start_something", "each"),
    [
        # it is the connection that costs, and a page of the block
        (_declared, 24 * KIBIBYTE),
        (_half_received, (24 + 20 + 24) * KIBIBYTE),
        (_line, (24 + 8) * KIBIBYTE),
        (_subscribed, (24 + 20) * KIBIBYTE),
    ],
    ids=["payloads declared and not sent", "half payloads", "half lines", "subscriptions"],
)
def test_a_thousand_unfinished_things_cost_what_was_sent(
    server: Server, start_something: Callable[[Peer], None], each: int
) -> None:
    witness = Witness(server.client(), server.client())
    before = server.resident()
    peers = [server.client() for _ in range(1000)]
    for peer in peers:
        start_something(peer)
    witness.check()
    assert (server.resident() - before) < 1000 * each + WORK
    for peer in peers:
        peer.reset()
    witness.check()

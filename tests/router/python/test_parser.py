"""What the parser keeps between two feeds, and how much."""

from __future__ import annotations

import pytest

from pubsub.interfaces import PeerKind, RouterSettings
from pubsub.router.python import parser
from pubsub.router.python.backend import PythonRouter
from pubsub.router.python.link import PythonLink
from tests.router.recording import QUIET, Recorder


def new_link() -> PythonLink:
    router = PythonRouter(RouterSettings())
    peer = Recorder("a", [])
    link = PythonLink(router, peer, PeerKind.CLIENT, 1, router.home("$G"))
    peer.link = link
    link.options = QUIET
    return link


@pytest.mark.parametrize(
    ("data", "state", "kept"),
    [
        (b"", parser.START, b""),
        (b"PU", parser.START, b"PU"),
        (b"PUB", parser.GAP, b""),
        (b"PUB  \t ", parser.SPACES, b""),
        (b"PUB  foo", parser.ARGUMENT, b"foo"),
        (b"CONNECT", parser.SPACES, b""),
        (b"PING and much more", parser.SKIP, b""),
        (b"PUB foo 3\r\n", parser.PAYLOAD, b""),
        (b"PUB foo 3\r\nab", parser.PAYLOAD, b""),
        (b"PUB foo 3\r\nabc\r", parser.PAYLOAD, b""),
        (b"PUB foo 3\r\nabc\r\n", parser.START, b""),
        (b"PUB foo 3\r\nabc\r\nP", parser.START, b"P"),
    ],
)
def test_states(data: bytes, state: int, kept: bytes) -> None:
    link = new_link()
    link.feed(data)
    assert (link.state, link.kept) == (state, kept)


def test_spaces_and_what_follows_a_ping_take_no_room() -> None:
    link = new_link()
    for data in (b"PING", b"x" * 100_000, b"\nSUB ", b" \t" * 50_000):
        link.feed(data)
        assert link.kept == b""
        assert not link.body


def test_an_unfinished_payload_is_kept_once() -> None:
    link = new_link()
    link.feed(b"PUB foo 100000\r\n")
    for _ in range(10):
        link.feed(b"x" * 5000)
    assert len(link.body) == 50_000
    assert link.kept == b""


def test_after_a_fault_that_does_not_close_the_parser_starts_anew() -> None:
    """The real handler closes; another one must not find half a message later."""
    link = new_link()
    log: list[str] = []

    class Lenient(Recorder):
        def fault(self, fault: Exception) -> None:
            log.append(type(fault).__name__)

    peer = Lenient("a", [])
    peer.link = link
    link.handler = peer
    link.feed(b"PUB foo 2\r\nabX and the rest")
    assert (link.state, link.message, link.body) == (parser.START, None, b"")
    link.feed(b"SUB a\r\nPING\r\n")
    link.feed(b"PING\r\n")
    assert log == ["UnknownProtocolOperation", "MalformedArguments"]
    assert b"".join(link.out) == b"PONG\r\n"

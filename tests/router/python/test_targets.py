"""Servers a message goes to, collected."""

from __future__ import annotations

from pubsub.interfaces import PeerKind, RouterSettings, ServerPeer
from pubsub.router.python.link import PythonLink
from pubsub.router.python.message import Message
from pubsub.router.python.router import PythonRouter
from pubsub.router.python.subscription import Heard
from pubsub.router.python.targets import Targets
from tests.router.recording import Recorder

ROUTER = PythonRouter(RouterSettings(seed=1))
MESSAGE = Message.of(b"a", b"", b"", b"hi")


def server(kind: PeerKind, **peer: object) -> PythonLink:
    link = PythonLink(ROUTER, Recorder("r", []), kind, 1, ROUTER.home("$G"))
    link.peer = ServerPeer(**peer)  # type: ignore[arg-type]
    return link


def wanted(link: PythonLink, queue: bytes = b"") -> Heard:
    return Heard(link, link.home, (b"", "$G", b"a", queue), 1, ROUTER.next_serial())


def test_servers_are_written_to_in_the_order_they_were_found() -> None:
    targets = Targets(None, MESSAGE)
    first, second = server(PeerKind.ROUTE), server(PeerKind.ROUTE)
    for entry in (wanted(first, b"q"), wanted(second), wanted(first), wanted(first, b"p")):
        targets.add(entry)
    assert targets.send(ROUTER.home("$G"), b"hi") == 2
    assert b"".join(first.out) == b"RMSG $G a | q p 2\r\nhi\r\n"
    assert b"".join(second.out) == b"RMSG $G a 2\r\nhi\r\n"
    assert ROUTER.dirty[-2:] == [first, second]


def test_who_is_gone_in_the_meantime_gets_nothing() -> None:
    targets = Targets(None, MESSAGE)
    gone, closed = wanted(server(PeerKind.ROUTE)), wanted(server(PeerKind.LEAF))
    targets.add(gone)
    targets.add(closed)
    gone.active = False
    closed.link.closed = True
    assert targets.send(ROUTER.home("$G"), b"hi") == 0


def test_no_origin_is_nobodys_origin() -> None:
    targets = Targets(server(PeerKind.LEAF), MESSAGE)
    assert not targets.is_echo(wanted(server(PeerKind.LEAF)))
    assert not targets.came_for(b"")
    targets = Targets(server(PeerKind.LEAF, origin="L"), MESSAGE)
    assert targets.is_echo(wanted(server(PeerKind.LEAF, origin="L")))
    assert targets.came_for(b"L")


def test_only_a_hub_is_a_hub() -> None:
    assert not Targets(None, MESSAGE).from_hub
    assert not Targets(server(PeerKind.LEAF), MESSAGE).from_hub
    assert not Targets(server(PeerKind.ROUTE, spoke=True), MESSAGE).from_hub
    assert Targets(server(PeerKind.LEAF, spoke=True), MESSAGE).from_hub

"""Measured requests from other servers: who is told of them and of their answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from zope.interface import implementer

from pubsub.interfaces import ILink, IServiceTracker, LinkOptions, PeerKind, ServiceRoute
from tests.router.importing import Log, Observer
from tests.router.recording import QUIET, World
from tests.router.serving import gateway, hears, leaf, route, use

REPLY = b"_R_.account.token.server.T"


@implementer(IServiceTracker)
class Tracker:
    """Writes down what it is told."""

    mark = b".server.T"

    def __init__(self, broken: bool = False) -> None:
        self.told: Log = []
        self.broken = broken

    def requested(self, link: ILink, account: str, subject: bytes, reply: bytes) -> None:
        self._tell("requested", link.cid, account, subject, reply)

    def answered(self, link: ILink, reply: bytes) -> None:
        self._tell("answered", link.cid, reply)

    def _tell(self, *what: Any) -> None:
        self.told.append(what)
        if self.broken:
            raise RuntimeError("measuring failed")


@pytest.fixture
def tracker(world: World) -> Tracker:
    """Of a router with the client ``a``, which serves."""
    world.attach("a", QUIET)
    world.feed("a", b"SUB help 1\r\n")
    made = Tracker()
    world.router.set_tracker(made)
    return made


def request(kind: PeerKind, reply: bytes) -> bytes:
    """The line of another server."""
    start = b"LMSG help " if kind == PeerKind.LEAF else b"RMSG $G help "
    return start + reply + b" 3\r\nwhy\r\n"


@pytest.mark.parametrize("kind", [PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF])
@pytest.mark.parametrize("bytewise", [False, True])
def test_requests_and_answers(
    world: World, tracker: Tracker, kind: PeerKind, bytewise: bool
) -> None:
    attached = {PeerKind.ROUTE: route, PeerKind.GATEWAY: gateway, PeerKind.LEAF: leaf}
    peer = attached[kind](world, "s")
    hears(peer, b"_R_.account.>")
    line, answer = request(kind, REPLY), b"PUB %b 2\r\nok\r\n" % REPLY
    for name, data in (("s", line), ("a", answer)):
        for piece in [data[i : i + 1] for i in range(len(data))] if bytewise else [data]:
            world.feed(name, piece)
    assert tracker.told == [("requested", 1, "$G", b"help", REPLY), ("answered", 1, REPLY)]
    assert world.output("a") == b"MSG help 1 %b 3\r\nwhy\r\n" % REPLY


def test_one_way_back_is_not_shown(world: World, tracker: Tracker) -> None:
    """A reply that came through gateways is told as the client sees it."""
    gateway(world, "g", hash=b"OTHERS")
    gateway(world, "i")
    use(world, "g")
    whole = b"_GR_.OTHERS.THESRV." + REPLY
    world.feed("i", request(PeerKind.GATEWAY, whole))
    world.feed("a", b"PUB %b 2\r\nok\r\n" % REPLY)
    assert tracker.told == [("requested", 1, "$G", b"help", REPLY), ("answered", 1, REPLY)]
    assert world.output("g").endswith(b"RMSG $G %b 2\r\nok\r\n" % whole)


@pytest.mark.parametrize("reply", [b"_INBOX.x.T", b"_R_.account.token", b"_R_.a.tokenT", b"_R_.T"])
def test_other_replies_are_not_told(world: World, tracker: Tracker, reply: bytes) -> None:
    route(world, "s")
    world.feed("s", request(PeerKind.ROUTE, reply))
    world.feed("a", b"PUB %b 2\r\nok\r\n" % reply)
    assert tracker.told == []


def test_only_clients_serve(world: World, tracker: Tracker) -> None:
    """Of a client's own request its server knows all; and the server itself is not measured."""
    internal = world.attach("i", kind=PeerKind.INTERNAL)
    assert internal.subscribe(b"other", b"", b"1")
    route(world, "s")
    world.feed("s", b"RMSG $G other %b 0\r\n\r\n" % REPLY)
    internal.publish(REPLY, b"", b"", b"")
    internal.publish(b"help", REPLY, b"", b"")
    assert world.output("a").count(REPLY) == 1
    assert tracker.told == []


@pytest.mark.parametrize("verbose", [False, True])
def test_each_answer_is_told(world: World, tracker: Tracker, verbose: bool) -> None:
    """Whatever was prepared before; but for those that may not be given."""
    changed: LinkOptions = replace(QUIET, verbose=verbose)
    world.peers["a"].link.options = changed
    world.feed("a", (b"PUB %b 2\r\nok\r\n" % REPLY) * 3)
    assert tracker.told == [("answered", 1, REPLY)] * 3
    world.peers["a"].link.set_permissions(lambda subject: False, None, None)
    world.feed("a", b"PUB %b 2\r\nok\r\n" % REPLY)
    assert len(tracker.told) == 3


def test_what_is_measured_here_says_so(world: World, tracker: Tracker) -> None:
    """The reply names this server, as long as there are others to be told."""
    world.attach("b", account="B")
    world.attach("c", account="C")
    world.feed("b", b"SUB _INBOX.x 1\r\n")
    world.feed("c", b"SUB help 1\r\n")
    observer = Observer(world.log)
    for measures, tracked in ((True, True), (False, True), (True, False)):
        observer.measures = measures
        world.router.set_tracker(tracker if tracked else None)
        world.router.set_service_imports("B", [ServiceRoute(b"help", "C", observer=observer)])
        world.feed("b", b"PUB help _INBOX.x 0\r\n\r\n")
        reply = world.output("c").split()[3]
        assert reply.endswith(b".server.T") is (measures and tracked)
        world.feed("c", b"PUB %b 2\r\nok\r\n" % reply)
        assert world.output("b") == b"MSG _INBOX.x 1 2\r\nok\r\n"
    assert [call[0] for call in world.log if call[0] == "answered"] == ["answered"] * 2


def test_without_anybody_to_tell(world: World, tracker: Tracker) -> None:
    world.router.set_tracker(None)
    route(world, "s")
    world.feed("s", request(PeerKind.ROUTE, REPLY))
    world.feed("a", b"PUB %b 2\r\nok\r\n" % REPLY)
    assert tracker.told == []
    assert world.output("a") == b"MSG help 1 %b 3\r\nwhy\r\n" % REPLY


def test_a_broken_measurement_costs_no_message(world: World, logged_failures: Any) -> None:
    world.attach("a", QUIET)
    world.feed("a", b"SUB help 1\r\n")
    world.router.set_tracker(Tracker(broken=True))
    peer = route(world, "s")
    hears(peer, b"_R_.account.>")
    world.feed("s", request(PeerKind.ROUTE, REPLY))
    world.output("s")
    world.feed("a", b"PUB %b 2\r\nok\r\n" % REPLY)
    assert world.output("a") == b"MSG help 1 %b 3\r\nwhy\r\n" % REPLY
    assert world.output("s") == b"RMSG $G %b 2\r\nok\r\n" % REPLY
    assert len(logged_failures.flush(RuntimeError)) == 2

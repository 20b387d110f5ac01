"""Replies that cross gateways: the way back in front of them, and the way they take."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pubsub.interfaces import IRouterBackend, PeerKind, ServerPeer, ServiceRoute
from tests.router.importing import Streams
from tests.router.recording import World, play
from tests.router.serving import NAMES, gateway, hears, leaf, route, stop_clock, use

OURS = b"_GR_.OURCLU.OURSRV."
THEIRS = b"_GR_.OTHERS.THESRV."


@pytest.fixture
def clock(world: World) -> Clock:
    """The time, in seconds."""
    return stop_clock(world)


@pytest.fixture
def between(world: World, clock: Clock) -> World:
    """A client ``a``, the gateway ``g`` that wants ``x``, and ``i``, which comes from there."""
    world.attach("a")
    gateway(world, "g", hash=b"OTHERS", old_hash=b"othe")
    gateway(world, "i")
    use(world, "g")
    hears(world.peers["g"].link, b"x")
    return world


def asked(world: World, name: str = "a", reply: bytes = b"inbox.1") -> bytes:
    """The reply that other clusters see, if ``name`` asks for an answer there."""
    verb = b"LMSG" if world.peers[name].link.kind == PeerKind.LEAF else b"PUB"
    world.feed(name, b"%b x %b 0\r\n\r\n" % (verb, reply))
    fields = world.output("g").split()
    assert fields[:3] == [b"RMSG", b"$G", b"x"]
    return fields[3]


# --- to other clusters ------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"SUB inbox.1 1", b"SUB inbox.* 1", b"SUB > 1", b"SUB > q 1"])
def test_the_reply_to_a_new_subscription_says_where_it_is(between: World, line: bytes) -> None:
    between.feed("a", line + b"\r\n")
    assert asked(between) == OURS + b"inbox.1"


def test_that_is_so_for_two_seconds(between: World, clock: Clock) -> None:
    between.feed("a", b"SUB inbox.1 1\r\n")
    clock.advance(1.75)
    assert asked(between) == OURS + b"inbox.1"
    clock.advance(0.25)
    assert asked(between) == b"inbox.1"


def test_one_of_several_subscriptions_is_enough(between: World, clock: Clock) -> None:
    between.feed("a", b"SUB inbox.1 1\r\n")
    clock.advance(1.0)
    between.feed("a", b"SUB inbox.* 2\r\n")
    clock.advance(1.5)
    assert asked(between) == OURS + b"inbox.1"
    clock.advance(0.5)
    assert asked(between) == b"inbox.1"


def test_one_that_is_gone_does_not_count(between: World) -> None:
    between.feed("a", b"SUB inbox.1 1\r\nUNSUB 1\r\n")
    assert asked(between) == b"inbox.1"


def test_nobody_s_reply_is_left_alone(between: World) -> None:
    between.feed("a", b"SUB other 1\r\n")
    assert asked(between) == b"inbox.1"


def test_subscriptions_from_before_gateways_were_in_use_are_not_new(
    world: World, clock: Clock
) -> None:
    world.attach("a")
    world.feed("a", b"SUB inbox.1 1\r\n")
    hears(gateway(world, "g"), b"x")
    use(world, "g")
    assert asked(world) == b"inbox.1"


@pytest.mark.parametrize(
    ("kind", "peer", "new"),
    [
        (PeerKind.ROUTE, ServerPeer(), False),
        (PeerKind.GATEWAY, ServerPeer(), False),
        (PeerKind.LEAF, ServerPeer(account="$G"), True),
        (PeerKind.LEAF, ServerPeer(account="$G", spoke=True), False),
    ],
)
def test_what_servers_hear(between: World, kind: PeerKind, peer: ServerPeer, new: bool) -> None:
    """Leafs ask like clients; what hubs, routes and gateways want they told others themselves."""
    link = between.attach("s", kind=kind)
    link.peer = peer
    hears(link, b"inbox.*")
    assert asked(between) == (OURS if new else b"") + b"inbox.1"


def test_leafs_ask_like_clients(between: World) -> None:
    hears(leaf(between, "l"), b"inbox.1")
    assert asked(between, "l") == OURS + b"inbox.1"


@pytest.mark.parametrize("kind", [PeerKind.INTERNAL, PeerKind.SINK])
def test_the_server_itself_asks_like_clients(between: World, kind: PeerKind) -> None:
    link = between.attach("s", kind=kind)
    link.subscribe(b"inbox.1", b"", b"1")
    link.publish(b"x", b"inbox.1", b"", b"")
    assert between.output("g") == b"RMSG $G x " + OURS + b"inbox.1 0\r\n\r\n"


def test_shadows_of_imported_streams_are_not_new_there(between: World) -> None:
    between.router.set_stream_imports("A", Streams({b"s": [("$G", b"inbox.1")]}))
    between.attach("importer", account="A")
    between.feed("importer", b"SUB s 1\r\n")
    assert asked(between) == b"inbox.1"


def test_old_servers_are_told_in_the_old_way(between: World) -> None:
    between.peers["g"].link.peer = ServerPeer(old_replies=True)
    between.feed("a", b"SUB inbox.1 1\r\n")
    assert asked(between) == b"$GR.ourc.inbox.1"


def test_the_first_cluster_decides_for_all(between: World) -> None:
    between.feed("a", b"SUB inbox.1 1\r\nSUB > 2\r\n")
    hears(gateway(between, "old", old_replies=True), b"x")
    use(between, "g", "old")
    between.feed("a", b"PUB x inbox.1 0\r\n\r\n")
    assert between.output("old") == b"RMSG $G x " + OURS + b"inbox.1 0\r\n\r\n"
    use(between, "old", "g")
    between.output("g")
    between.feed("a", b"PUB x inbox.1 0\r\n\r\n")
    assert between.output("g") == b"RMSG $G x $GR.ourc.inbox.1 0\r\n\r\n"


def test_who_is_near_gets_the_reply_as_it_is(between: World) -> None:
    hears(route(between, "r"), b"x")
    hears(leaf(between, "l"), b"x", b"q")
    hears(between.peers["g"].link, b"x", b"p")
    between.feed("a", b"SUB inbox.1 1\r\nSUB x 2\r\n")
    assert asked(between) == b"+"
    assert between.output("a") == b"MSG x 2 inbox.1 0\r\n\r\n"
    assert between.output("r") == b"RMSG $G x inbox.1 0\r\n\r\n"
    assert between.output("l") == b"LMSG x + inbox.1 q 0\r\n\r\n"


def test_the_first_request_for_a_service_of_another_account(between: World, clock: Clock) -> None:
    """Its reply is heard by the router itself, and other clusters do not know of that yet."""
    between.router.set_service_imports("$G", [ServiceRoute(b"ask", "B", share=False)])
    hears(between.peers["g"].link, b"ask", account="B")
    between.feed("a", b"SUB r 1\r\nPUB ask r 0\r\n\r\n")
    first = between.output("g").split()[3]
    clock.advance(2.0)
    between.feed("a", b"PUB ask r 0\r\n\r\n")
    second = between.output("g").split()[3]
    assert first.startswith(OURS + b"_R_.")
    assert second.startswith(b"_R_.")
    between.feed("i", b"RMSG B %b 2\r\nno\r\n" % first)
    between.feed("i", b"RMSG B %b 3\r\nyes\r\n" % second)
    assert between.output("a") == b"MSG r 1 2\r\nno\r\nMSG r 1 3\r\nyes\r\n"


# --- back from there --------------------------------------------------------------------


def test_a_reply_reaches_who_asked(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        world.router.use_gateways(NAMES, [])
        world.attach("c")
        world.feed("c", b"SUB inbox.* 1\r\nSUB inbox.1 q 2\r\nSUB > 3\r\n")

    data = b"RMSG $G " + OURS + b"inbox.1 r 2\r\nhi\r\n"
    data += b"HMSG $G $GR.ourc.inbox.2 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    for kind in (PeerKind.GATEWAY, PeerKind.ROUTE):
        world = play(backend, data, setup, kind=kind)
        assert world.output("c") == (
            b"MSG inbox.1 1 r 2\r\nhi\r\nMSG inbox.1 3 r 2\r\nhi\r\nMSG inbox.1 2 r 2\r\nhi\r\n"
            b"HMSG inbox.2 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
            b"HMSG inbox.2 3 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
        )


@pytest.mark.parametrize("name", ["i", "r"])
@pytest.mark.parametrize("subject", [b"_GR_.OTHERS.OURSRV.inbox.1", b"$GR.othe.inbox.1"])
def test_what_is_for_another_cluster_is_dropped(between: World, name: str, subject: bytes) -> None:
    route(between, "r")
    between.feed("a", b"SUB > 1\r\n")
    between.feed(name, b"RMSG $G %b 2\r\nhi\r\n" % subject)
    assert between.output("a") == b""
    assert between.output("g") == b""
    assert between.peers[name].link.counters()[:2] == (1, 2)


@pytest.mark.parametrize("subject", [b"_GR_.OURCLU.OURSRV.", b"$GR.ourc.", b"_GR_.x", b"$GR.x"])
def test_what_is_too_short_is_a_subject_as_any(between: World, subject: bytes) -> None:
    between.feed("a", b"SUB > 1\r\n")
    between.feed("i", b"RMSG $G %b 0\r\n\r\n" % subject)
    heard = b"" if subject.endswith(b".") else b"MSG %b 1 0\r\n\r\n" % subject
    assert between.output("a") == heard


def test_without_gateways_it_is_a_subject_as_any(world: World) -> None:
    world.attach("a")
    route(world, "r")
    world.feed("a", b"SUB > 1\r\n")
    world.feed("r", b"RMSG $G %bx 0\r\n\r\n" % OURS)
    assert world.output("a") == b"MSG %bx 1 0\r\n\r\n" % OURS


LATER = b"_GR_.OURCLU.THATSV.inbox.1"


def test_a_reply_is_passed_on_to_the_server_that_asked(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        world.router.use_gateways(NAMES, [])
        world.attach("c")
        world.feed("c", b"SUB > 1\r\n")
        route(world, "other", hash=b"NOTHIS")
        route(world, "that", hash=b"THATSV")
        route(world, "that too", hash=b"THATSV")
        world.peers["that"].link.trace = True

    data = b"RMSG $G %b 2\r\nhi\r\nRMSG $G %b r 02\r\nhi\r\n" % (LATER, LATER)
    data += b"HMSG $G %b + r q 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" % LATER
    world = play(backend, data, setup, kind=PeerKind.GATEWAY)
    assert world.output("that") == (
        b"RMSG $G %b 2\r\nhi\r\nRMSG $G %b r 02\r\nhi\r\n" % (LATER, LATER)
        + b"HMSG $G %b r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" % LATER
    )
    assert [world.output(name) for name in ("c", "other", "that too")] == [b"", b"", b""]
    assert world.peers["that"].link.counters()[2:4] == (3, 18)
    assert [call[3:] for call in world.calls()][:2] == [
        ("RMSG", b"$G %b 2" % LATER),
        ("MSG_PAYLOAD", b"hi"),
    ]


def test_the_route_for_the_account_comes_first(between: World) -> None:
    route(between, "all", hash=b"THATSV", headers=False)
    route(between, "B", hash=b"THATSV", account="B")
    route(between, "$G", hash=b"THATSV", account="$G")
    line = b"HMSG $G " + LATER + b" r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    between.feed("i", line)
    assert between.output("$G") == b"HMSG " + LATER + b" r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    between.peers["$G"].link.close()
    between.feed("i", line)
    assert between.output("all") == b"RMSG $G " + LATER + b" r 2\r\nhi\r\n"
    assert between.output("B") == b""


def test_without_a_route_there_it_is_distributed_here(between: World) -> None:
    route(between, "r", hash=b"NOTHIS")
    between.feed("a", b"SUB inbox.1 1\r\n")
    between.feed("i", b"RMSG $G %b 2\r\nhi\r\n" % LATER)
    assert between.output("a") == b"MSG inbox.1 1 2\r\nhi\r\n"


def test_a_route_knows_that_this_server_is_meant(between: World) -> None:
    route(between, "that", hash=b"THATSV")
    route(between, "r")
    between.feed("a", b"SUB inbox.1 1\r\n")
    between.feed("r", b"RMSG $G %b 2\r\nhi\r\n" % LATER)
    assert between.output("a") == b"MSG inbox.1 1 2\r\nhi\r\n"
    assert between.output("that") == b""


def test_a_reply_reaches_everybody_who_hears_it(between: World) -> None:
    """Servers of this cluster, leafs and other clusters as well."""
    hears(route(between, "r"), b"inbox.1")
    hears(route(between, "p"), b"inbox.1", b"q")
    hears(leaf(between, "l"), b"inbox.1")
    hears(leaf(between, "hub", spoke=True), b"inbox.1")
    hears(between.peers["g"].link, b"inbox.1")
    line = b"RMSG $G " + OURS + b"inbox.1 2\r\nhi\r\n"
    between.feed("i", line)
    assert between.output("r") == b"RMSG $G inbox.1 2\r\nhi\r\n"
    assert between.output("p") == b"RMSG $G inbox.1 | q 2\r\nhi\r\n"
    assert between.output("l") == b"LMSG inbox.1 2\r\nhi\r\n"
    assert between.output("hub") == b"LMSG inbox.1 2\r\nhi\r\n"
    assert between.output("g") == b"RMSG $G inbox.1 2\r\nhi\r\n"
    between.feed("r", line)
    assert between.output("r") == b"RMSG $G inbox.1 2\r\nhi\r\n"
    assert between.output("p") == b"RMSG $G inbox.1 | q 2\r\nhi\r\n"
    assert between.output("l") == b"LMSG inbox.1 2\r\nhi\r\n"
    assert between.output("hub") == b""
    assert between.output("g") == b"RMSG $G inbox.1 2\r\nhi\r\n"


def test_groups_that_are_named_are_the_only_ones(between: World) -> None:
    between.feed("a", b"SUB inbox.1 p 1\r\nSUB inbox.1 q 2\r\n")
    hears(between.peers["g"].link, b"inbox.1", b"q")
    hears(between.peers["g"].link, b"inbox.1", b"p")
    between.feed("i", b"RMSG $G " + OURS + b"inbox.1 | q 2\r\nhi\r\n")
    assert between.output("a") == b"MSG inbox.1 2 2\r\nhi\r\n"
    assert between.output("g") == b"RMSG $G inbox.1 | p 2\r\nhi\r\n"


def test_answers_of_services_are_not_sent_on(between: World) -> None:
    hears(between.peers["g"].link, b"_R_.>")
    between.feed("i", b"RMSG $G " + OURS + b"_R_.a.b 2\r\nhi\r\n")
    assert between.output("g") == b""

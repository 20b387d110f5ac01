"""What comes from other clusters: who gets it, and what they are told nobody wants."""

from __future__ import annotations

import pytest

from pubsub.interfaces import IRouterBackend, PeerKind, ServerPeer, ServiceRoute
from tests.router.importing import Streams
from tests.router.recording import World, play
from tests.router.serving import gateway, hears, leaf, route, use


def between(world: World) -> None:
    """Everybody who may hear something: a client, two servers, a leaf and a hub."""
    world.attach("c")
    world.feed("c", b"SUB x 1\r\nSUB x q 2\r\n")
    for link in (route(world, "r"), leaf(world, "l"), leaf(world, "hub", spoke=True)):
        hears(link, b"x")
    hears(route(world, "p"), b"x", b"p")
    hears(gateway(world, "g"), b"x")
    use(world, "g")


def outputs(world: World) -> dict[str, bytes]:
    return {name: out for name in world.peers if (out := world.output(name))}


PLAIN = {
    "c": b"MSG x 1 r 2\r\nhi\r\n",
    "r": b"RMSG $G x r 2\r\nhi\r\n",
    "l": b"LMSG x r 2\r\nhi\r\n",
    "hub": b"LMSG x r 2\r\nhi\r\n",
}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"RMSG $G x r 2\r\nhi\r\n", PLAIN),
        (b"rmsg\t$G  x\tr   2\r\nhi\r\n", PLAIN),
        (
            b"RMSG $G x + r q 2\r\nhi\r\n",
            {**PLAIN, "c": b"MSG x 1 r 2\r\nhi\r\nMSG x 2 r 2\r\nhi\r\n"},
        ),
        (b"RMSG $G x + r p n 2\r\nhi\r\n", {**PLAIN, "p": b"RMSG $G x + r p 2\r\nhi\r\n"}),
        (b"RMSG $G x + r 2\r\nhi\r\n", PLAIN),
        (b"RMSG A x r 2\r\nhi\r\n", {}),
        (b"RMSG $G y r 2\r\nhi\r\n", {}),
        (
            b"HMSG $G x r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            {
                "c": b"HMSG x 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
                "r": b"HMSG $G x r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
                "l": b"HMSG x r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
                "hub": b"HMSG x r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            },
        ),
    ],
)
def test_who_gets_it(backend: IRouterBackend, data: bytes, expected: dict[str, bytes]) -> None:
    world = play(backend, data, between, kind=PeerKind.GATEWAY)
    assert outputs(world) == expected
    assert world.peers["a"].link.counters()[:2] == (1, len(data) - data.index(b"\n") - 3)


def test_it_is_not_checked_for_size(backend: IRouterBackend) -> None:
    """The other cluster has its own limits."""
    world = World(backend)
    world.attach("a")
    gateway(world, "i")
    world.feed("a", b"SUB x 1\r\n")
    payload = bytes(2_000_000)
    world.feed("i", b"RMSG $G x 2000000\r\n" + payload + b"\r\n")
    assert world.output("a") == b"MSG x 1 2000000\r\n" + payload + b"\r\n"


def test_groups_that_are_not_named_get_nothing(world: World) -> None:
    world.attach("a")
    gateway(world, "i", optimistic=True)
    world.feed("a", b"SUB x q 1\r\n")
    world.feed("i", b"RMSG $G x 0\r\n\r\nRMSG $G x | p 0\r\n\r\n")
    assert world.output("a") == b""
    world.feed("i", b"RMSG $G x | p q 0\r\n\r\n")
    assert world.output("a") == b"MSG x 1 0\r\n\r\n"


def test_services_are_not_served(world: World) -> None:
    """Whoever asks imports there, and what crossed there comes in the exporting account."""
    gateway(world, "i")
    world.router.set_service_imports("$G", [ServiceRoute(b"ask", "B")])
    world.attach("b", account="B")
    world.feed("b", b"SUB ask 1\r\n")
    world.feed("i", b"RMSG $G ask r 0\r\n\r\n")
    assert world.output("b") == b""
    world.feed("i", b"RMSG B ask r 0\r\n\r\n")
    assert world.output("b") == b"MSG ask 1 r 0\r\n\r\n"


# --- what nobody wants --------------------------------------------------------------------


def missing(world: World, data: bytes) -> list[tuple[str, bytes]]:
    """What ``i`` was told of, having sent ``data``."""
    world.calls()
    world.feed("i", data)
    return [call[2:] for call in world.calls() if call[:2] == ("i", "interest_missing")]


@pytest.fixture
def optimistic(world: World) -> World:
    """``i`` sends without being asked."""
    gateway(world, "i", optimistic=True)
    world.attach("a")
    return world


def test_what_nobody_wants_is_told_each_time(backend: IRouterBackend) -> None:
    def setup(world: World) -> None:
        world.peers["a"].link.peer = ServerPeer(optimistic=True)

    data = b"RMSG $G x 2\r\nhi\r\nHMSG $G x.y + r q 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    data += b"RMSG NONE x 0\r\n\r\nRMSG $G x 2\r\nhi\r\nRMSG $G a..b 0\r\n\r\n"
    world = play(backend, data, setup, kind=PeerKind.GATEWAY)
    assert world.calls() == [
        ("a", "interest_missing", "$G", b"x"),
        ("a", "interest_missing", "$G", b"x.y"),
        ("a", "interest_missing", "NONE", b"x"),
        ("a", "interest_missing", "$G", b"x"),
        ("a", "interest_missing", "$G", b"a..b"),
    ]


def test_who_is_not_optimistic_is_told_nothing(optimistic: World) -> None:
    optimistic.peers["i"].link.peer = ServerPeer()
    assert missing(optimistic, b"RMSG $G x 0\r\n\r\n") == []
    optimistic.peers["i"].link.peer = ServerPeer(optimistic=True)
    assert missing(optimistic, b"RMSG $G x 0\r\n\r\n") == [("$G", b"x")]


@pytest.mark.parametrize("kind", [PeerKind.ROUTE, PeerKind.LEAF])
def test_only_gateways_are_told(world: World, kind: PeerKind) -> None:
    world.attach("i", kind=kind).peer = ServerPeer(optimistic=True)
    verb = b"LMSG" if kind == PeerKind.LEAF else b"RMSG $G"
    assert missing(world, verb + b" x 0\r\n\r\n") == []


def test_plain_subscriptions_are_interest(optimistic: World) -> None:
    optimistic.feed("a", b"SUB x 1\r\n")
    hears(route(optimistic, "r"), b"y")
    hears(leaf(optimistic, "l"), b"z")
    optimistic.attach("s", kind=PeerKind.INTERNAL).subscribe(b"w", b"", b"1")
    for subject in (b"x", b"y", b"z", b"w"):
        assert missing(optimistic, b"RMSG $G %b 0\r\n\r\n" % subject) == []


def test_queue_groups_are_none(optimistic: World) -> None:
    """They are served, and told of each on its own."""
    optimistic.feed("a", b"SUB x q 1\r\n")
    assert missing(optimistic, b"RMSG $G x | q 0\r\n\r\n") == [("$G", b"x")]
    assert optimistic.output("a") == b"MSG x 1 0\r\n\r\n"


def test_other_clusters_wanting_it_is_none(optimistic: World) -> None:
    hears(gateway(optimistic, "g"), b"x")
    use(optimistic, "g")
    assert missing(optimistic, b"RMSG $G x 0\r\n\r\n") == [("$G", b"x")]


def test_shadows_of_imported_streams_are_interest(optimistic: World) -> None:
    optimistic.router.set_stream_imports("A", Streams({b"s": [("$G", b"x")]}))
    optimistic.attach("importer", account="A")
    optimistic.feed("importer", b"SUB s 1\r\n")
    assert missing(optimistic, b"RMSG $G x 0\r\n\r\n") == []
    assert optimistic.output("importer") == b"MSG x 1 0\r\n\r\n"


def test_imports_of_services_are_none(optimistic: World) -> None:
    optimistic.router.set_service_imports("$G", [ServiceRoute(b"x", "B")])
    assert missing(optimistic, b"RMSG $G x 0\r\n\r\n") == [("$G", b"x")]
    optimistic.feed("a", b"SUB x 1\r\n")
    assert missing(optimistic, b"RMSG $G x 0\r\n\r\n") == []


def test_answers_to_imported_services_are_not_told_of(optimistic: World) -> None:
    line = b"RMSG $G _R_.a.b 0\r\n\r\n"
    assert missing(optimistic, line) == [("$G", b"_R_.a.b")]
    optimistic.router.set_service_imports("$G", [ServiceRoute(b"x", "B")])
    assert missing(optimistic, line) == []


def test_replies_that_came_back_are_not_told_of(optimistic: World) -> None:
    use(optimistic)
    for way in (b"_GR_.OURCLU.OURSRV.", b"_GR_.OTHERS.OURSRV.", b"$GR.ourc."):
        assert missing(optimistic, b"RMSG $G %bx 0\r\n\r\n" % way) == []


def test_a_handler_that_closes_the_link_ends_it(optimistic: World) -> None:
    optimistic.feed("a", b"SUB x q 1\r\n")
    peer = optimistic.peers["i"]
    peer.on["interest_missing"] = lambda account, subject: peer.link.close()
    assert missing(optimistic, 2 * b"RMSG $G x | q 0\r\n\r\n") == [("$G", b"x")]
    assert optimistic.output("a") == b""


# --- what cannot be understood --------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "wire"),
    [
        (b"RMSG $G", "processRoutedMsgArgs Parse Error: '[$G]'"),
        (b"RMSG $G x", "processRoutedMsgArgs Parse Error: '[$G x]'"),
        (b"RMSG $G x y", "processRoutedMsgArgs Bad or Missing Size: '[$G x y]'"),
        (b"RMSG $G x -1", "processRoutedMsgArgs Bad or Missing Size: '[$G x -1]'"),
        (b"RMSG $G x r s 2", "processRoutedMsgArgs Bad or Missing Reply Indicator: 'r'"),
        (b"HMSG $G x 2", "processRoutedHeaderMsgArgs Parse Error: '[$G x 2]'"),
        (b"HMSG $G x y 2", "processRoutedHeaderMsgArgs Bad or Missing Header Size: '$G x y 2'"),
        (
            b"HMSG $G x 3 2",
            "processRoutedHeaderMsgArgs Header Size larger then TotalSize: '$G x 3 2'",
        ),
    ],
)
def test_bad_arguments(backend: IRouterBackend, line: bytes, wire: str) -> None:
    world = play(backend, line + b"\r\nRMSG $G x 0\r\n\r\n", between, kind=PeerKind.GATEWAY)
    (fault,) = world.peers["a"].faults
    assert type(fault).__name__ == "MalformedArguments"
    assert str(fault) == wire
    assert outputs(world) == {}


@pytest.mark.parametrize(
    "line", [b"LMSG x 0", b"PUB x 0", b"SUB x 1", b"LS+ x", b"LS- x", b"MSG x 1 0", b"RMSGx"]
)
def test_verbs_of_others(backend: IRouterBackend, line: bytes) -> None:
    world = play(backend, line + b"\r\n\r\n", between, kind=PeerKind.GATEWAY)
    (fault,) = world.peers["a"].faults
    assert type(fault).__name__ == "UnknownProtocolOperation"


def test_interest_is_the_handler_s(backend: IRouterBackend) -> None:
    world = play(
        backend,
        b"RS+ $G x\r\nRS+ $G x q 2\r\nrs- $G x\r\nA- $G\r\nA+ $G\r\nPING\r\n",
        kind=PeerKind.GATEWAY,
    )
    assert world.calls() == [
        ("a", "interest_received", b"RS+", b"$G x"),
        ("a", "interest_received", b"RS+", b"$G x q 2"),
        ("a", "interest_received", b"RS-", b"$G x"),
        ("a", "interest_received", b"A-", b"$G"),
        ("a", "interest_received", b"A+", b"$G"),
    ]
    assert world.output("a") == b"PONG\r\n"


def test_a_payload_that_does_not_end_is_no_payload(backend: IRouterBackend) -> None:
    world = play(backend, b"RMSG $G x 2\r\nhi!\r\n", between, kind=PeerKind.GATEWAY)
    assert [type(fault).__name__ for fault in world.peers["a"].faults] == [
        "UnknownProtocolOperation"
    ]
    assert "c" not in outputs(world)

"""Links to leafs, and to the hub of this server: one account each, and no way back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pubsub.interfaces import IRouterBackend, PeerKind, ResponsePermission, ServiceRoute
from tests.router.importing import Prefix, Streams
from tests.router.recording import QUIET, World, play
from tests.router.serving import Subscriptions, hears, leaf, route

LEAF = PeerKind.LEAF
HEADERS = b"NATS/1.0\r\n\r\n"


# --- what they say ----------------------------------------------------------------------


@pytest.mark.parametrize("verb", [b"LS+", b"LS-"])
def test_interest_is_handed_over_as_it_is(backend: IRouterBackend, verb: bytes) -> None:
    world = play(backend, b"%b a.b q 3\r\n" % verb.lower(), kind=LEAF)
    assert world.calls() == [("a", "interest_received", verb, b"a.b q 3")]


M, H = "processLeafMsgArgs", "processLeafHeaderMsgArgs"
PARSE, REPLY, SIZE = " Parse Error: ", " Bad or Missing Reply Indicator: ", " Bad or Missing Size: "
HEADER, LARGER = " Bad or Missing Header Size: ", " Header Size larger then TotalSize: "


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"LMSG a\r\n", M + PARSE + "'[a]'"),
        (b"LMSG  \t\r\n", M + PARSE + "'[]'"),
        (b"LMSG a x\r\n", M + SIZE + "'[a x]'"),
        (b"LMSG a\tb  -1\r\n", M + SIZE + "'[a b -1]'"),
        (b"LMSG a b c 5\r\n", M + REPLY + "'b'"),
        (b"LMSG a +b c 5\r\n", M + REPLY + "'+b'"),
        (b"HMSG a 5\r\n", H + PARSE + "'[a 5]'"),
        (b"HMSG a x 5\r\n", H + HEADER + "'a x 5'"),
        (b"HMSG a 5 x\r\n", H + SIZE + "'[a 5 x]'"),
        (b"HMSG a b 6 5\r\n", H + LARGER + "'a b 6 5'"),
        (b"HMSG a ! b 5 5\r\n", H + REPLY + "'!'"),
    ],
)
def test_malformed_messages_close_without_a_word(
    backend: IRouterBackend, line: bytes, detail: str
) -> None:
    world = play(backend, line + b"PING\r\n", kind=LEAF)
    assert world.output("a") == b""
    assert world.calls() == [("a", "fault", "MalformedArguments", "")]
    assert [fault.detail for fault in world.peers["a"].faults] == [detail]


def listen(world: World) -> None:
    """Somebody hears everything, and two queue groups."""
    world.attach("b")
    world.feed("b", b"SUB > 1\r\nSUB > q 2\r\nSUB > p 3\r\n")


@pytest.mark.parametrize(
    ("line", "frames"),
    [
        (b"LMSG a 2\r\nhi\r\n", b"MSG a 1 2\r\nhi\r\n"),
        (b"lmsg\ta r 02\n" + b"hi\r\n", b"MSG a 1 r 02\r\nhi\r\n"),
        (b"LMSG a + 2\r\nhi\r\n", b"MSG a 1 + 2\r\nhi\r\n"),
        (b"LMSG a + r 2\r\nhi\r\n", b"MSG a 1 r 2\r\nhi\r\n"),
        (b"LMSG a + r q 2\r\nhi\r\n", b"MSG a 1 r 2\r\nhi\r\nMSG a 2 r 2\r\nhi\r\n"),
        (b"LMSG a | o p 2\r\nhi\r\n", b"MSG a 1 2\r\nhi\r\nMSG a 3 2\r\nhi\r\n"),
        (b"HMSG a 12 14\r\n" + HEADERS + b"hi\r\n", b"HMSG a 1 12 14\r\n" + HEADERS + b"hi\r\n"),
        (b"HMSG a r 12 12\r\n" + HEADERS + b"\r\n", b"HMSG a 1 r 12 12\r\n" + HEADERS + b"\r\n"),
        (b"HMSG a 0 2\r\nhi\r\n", b"MSG a 1 2\r\nhi\r\n"),
    ],
)
def test_messages_are_published_in_the_account_of_the_link(
    backend: IRouterBackend, line: bytes, frames: bytes
) -> None:
    world = play(backend, line * 2, listen, kind=LEAF)
    assert world.output("b") == frames * 2
    assert world.calls() == []


@pytest.mark.parametrize("line", [b"LMSG a 11\r\n", b"HMSG a 4 11\r\n", b"LMSG a | q 11\r\n"])
def test_max_payload_holds_for_leafs(backend: IRouterBackend, line: bytes) -> None:
    options = replace(QUIET, max_payload=10)
    world = play(backend, line, options=options, kind=LEAF)
    assert world.output("a") == b"-ERR 'Maximum Payload Violation'\r\n"
    assert [fault.detail for fault in world.peers["a"].faults] == ["11 vs 10"]
    unlimited = play(
        backend, line + b"12345678901\r\n", listen, replace(options, max_payload=-1), kind=LEAF
    )
    assert unlimited.calls() == []


def test_leafs_are_told_nothing_about_what_they_send(world: World) -> None:
    link = leaf(world, "l")
    link.options = replace(QUIET, verbose=True, no_responders=True, pedantic=True)
    assert world.feed("l", b"LMSG a.* r 0\r\n\r\n") == b""
    assert link.counters()[:2] == (1, 0)
    assert world.router.account_counters("$G") == (0, 0, 0, 0)


# --- what they are sent -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "frame"),
    [
        (b"PUB a 2\r\nhi\r\n", b"LMSG a | q 2\r\nhi\r\n"),
        (b"PUB a r 2\r\nhi\r\n", b"LMSG a + r q 2\r\nhi\r\n"),
        (b"PUB b 02\r\nhi\r\n", b"LMSG b 02\r\nhi\r\n"),
        (b"PUB b r 2\r\nhi\r\n", b"LMSG b r 2\r\nhi\r\n"),
        (b"HPUB b r 12 14\r\n%bhi\r\n" % HEADERS, b"HMSG b r 12 14\r\n%bhi\r\n" % HEADERS),
        (b"HPUB a 12 14\r\n%bhi\r\n" % HEADERS, b"HMSG a | q 12 14\r\n%bhi\r\n" % HEADERS),
    ],
)
def test_frames_name_no_account(world: World, said: bytes, frame: bytes) -> None:
    link = leaf(world, "l", account="X", origin="L")
    hears(link, b"a", b"q", account="X")
    hears(link, b"b", account="X")
    hears(link, b"*", account="X") if b" b " in said else None
    world.attach("a", account="X")
    world.feed("a", said)
    assert world.output("l") == frame
    assert link.counters()[2] == 1


def test_leafs_that_know_no_headers_get_none(world: World) -> None:
    hears(leaf(world, "l", headers=False), b"a")
    world.attach("a")
    world.feed("a", b"HPUB a 12 14\r\n%bhi\r\n" % HEADERS)
    assert world.output("l") == b"LMSG a 2\r\nhi\r\n"


def test_nothing_comes_back(world: World) -> None:
    """Not on the same link, and not to the same cluster by another one."""
    for name, origin in (("l", "L"), ("m", "L"), ("n", "N"), ("o", "")):
        hears(leaf(world, name, origin=origin), b">")
    world.feed("l", b"LMSG a 1\r\n1\r\n")
    world.feed("o", b"LMSG a 1\r\n2\r\n")
    assert world.output("l") == world.output("m") == b"LMSG a 1\r\n2\r\n"
    assert world.output("n") == b"LMSG a 1\r\n1\r\nLMSG a 1\r\n2\r\n"
    assert world.output("o") == b"LMSG a 1\r\n1\r\n"


def test_the_hub_hears_its_spokes_and_spokes_hear_the_hub(world: World) -> None:
    hears(leaf(world, "h", origin="H", spoke=True), b">")
    hears(leaf(world, "l", origin="L"), b">")
    world.feed("h", b"LMSG a 1\r\n1\r\n")
    world.feed("l", b"LMSG a 1\r\n2\r\n")
    assert world.output("l") == b"LMSG a 1\r\n1\r\n"
    assert world.output("h") == b"LMSG a 1\r\n2\r\n"


def test_routes_learn_which_cluster_a_message_comes_from(world: World) -> None:
    for name, peer in (
        ("r", {}),
        ("old", {"leaf_origins": False}),
        ("pinned", {"account": "$G"}),
        ("plain", {"headers": False}),
    ):
        hears(route(world, name, **peer), b">")
    leaf(world, "l", origin="L")
    world.feed("l", b"LMSG a x 2\r\nhi\r\nHMSG a 12 14\r\n%bhi\r\n" % HEADERS)
    framed = b" 12 14\r\n%bhi\r\n" % HEADERS
    assert world.output("r") == b"LMSG L $G a x 0 2\r\nhi\r\nLMSG L $G a" + framed
    assert world.output("old") == b"RMSG $G a x 2\r\nhi\r\nHMSG $G a" + framed
    assert world.output("pinned") == b"LMSG L a x 0 2\r\nhi\r\nLMSG L a" + framed
    assert world.output("plain") == b"LMSG L $G a x 0 2\r\nhi\r\nLMSG L $G a 0 2\r\nhi\r\n"
    leaf(world, "o")
    world.feed("o", b"LMSG a 2\r\nhi\r\n")
    assert world.output("r") == b"RMSG $G a 2\r\nhi\r\n"


def test_routes_learn_which_groups_a_message_of_a_leaf_is_for(world: World) -> None:
    hears(route(world, "r"), b"a", b"q")
    leaf(world, "l", origin="L")
    world.feed("l", b"LMSG a + x p q 2\r\nhi\r\nLMSG a 2\r\nhi\r\n")
    assert world.output("r") == b"LMSG L $G a + x q 0 2\r\nhi\r\n"


def test_what_comes_from_the_hub_goes_over_no_route(world: World) -> None:
    leaf(world, "h", spoke=True)
    hears(route(world, "r"), b">")
    listen(world)
    world.feed("h", b"LMSG a 2\r\nhi\r\n")
    assert world.output("r") == b""
    assert world.output("b") == b"MSG a 1 2\r\nhi\r\n"


# --- permissions and mappings -----------------------------------------------------------


def test_a_leaf_that_may_not_publish_something_is_told(world: World) -> None:
    listen(world)
    link = leaf(world, "l")
    link.set_permissions(lambda subject: subject == b"a", None, None)
    for subject, passes in ((b"a", True), (b"b", False), (b"_R_.x", True), (b"$JS.ACK.x", True)):
        world.calls()
        said = world.feed("l", b"LMSG %b 0\r\n\r\n" % subject)
        assert bool(world.output("b")) is passes
        assert bool(said) is not passes
    assert said == b""
    world.feed("l", b"LMSG b 0\r\n\r\n")
    wire = 'Permissions Violation for Publish to "b"'
    assert world.calls()[-1] == ("l", "fault", "PublishPermissionViolation", wire)


def test_the_hub_is_not_told_what_is_not_taken_from_it(world: World) -> None:
    listen(world)
    leaf(world, "h", spoke=True).set_permissions(lambda subject: False, None, None)
    assert world.feed("h", b"LMSG a 0\r\n\r\n") == b""
    assert world.output("b") == b""
    assert world.calls() == []


def test_what_may_not_go_to_a_leaf_does_not(world: World) -> None:
    asked: list[tuple[bytes, bytes]] = []

    def deliver(subject: bytes, queue: bytes) -> bool:
        asked.append((subject, queue))
        return subject != b"b"

    link = leaf(world, "l")
    link.set_permissions(None, None, deliver)
    hears(link, b">")
    hears(link, b">", b"q")
    world.attach("a")
    world.feed("a", b"PUB a 0\r\n\r\nPUB b 0\r\n\r\n")
    assert world.output("l") == b"LMSG a | q 0\r\n\r\n"
    assert asked == [(b"a", b""), (b"b", b"")]
    assert world.router.publish("$G", b"b", b"", b"", b"") == 0


def test_a_leaf_may_answer_what_it_was_asked(world: World) -> None:
    listen(world)
    link = leaf(world, "l")
    link.set_permissions(lambda subject: False, None, None, ResponsePermission(1, 60.0))
    hears(link, b"help")
    world.attach("a")
    world.feed("a", b"PUB help inbox 0\r\n\r\n")
    world.output("b")
    world.feed("l", b"LMSG inbox 2\r\nhi\r\n")
    assert world.output("b") == b"MSG inbox 1 2\r\nhi\r\n"
    world.feed("l", b"LMSG inbox 2\r\nhi\r\n")
    assert world.output("b") == b""


def test_messages_of_leafs_are_mapped_and_permitted_as_they_were_written(world: World) -> None:
    listen(world)
    link = leaf(world, "l")
    link.set_permissions(lambda subject: subject == b"a", None, None)
    link.trace = True
    world.router.set_mapper("$G", Prefix(b"to."))
    world.feed("l", b"LMSG a 2\r\nhi\r\n")
    assert world.output("b") == (
        b"MSG to.a 1 2\r\nhi\r\nMSG to.a 2 2\r\nhi\r\nMSG to.a 3 2\r\nhi\r\n"
    ), "the groups of the mapped subject are not those the leaf knows of"
    assert world.calls() == [
        ("l", "traced", "in", "LMSG", b"a 2"),
        ("l", "traced", "in", "MAPPING", b"a -> to.a"),
        ("l", "traced", "in", "MSG_PAYLOAD", b"hi"),
    ]
    world.feed("l", b"LMSG a | q 2\r\nhi\r\n")
    assert world.output("b") == b"MSG to.a 1 2\r\nhi\r\nMSG to.a 2 2\r\nhi\r\n"


def test_messages_of_routes_are_not_mapped(world: World) -> None:
    listen(world)
    route(world, "r")
    world.router.set_mapper("$G", Prefix(b"to."))
    world.feed("r", b"RMSG $G a 2\r\nhi\r\n")
    assert world.output("b") == b"MSG a 1 2\r\nhi\r\n"


# --- imports ----------------------------------------------------------------------------


def test_leafs_hear_the_streams_their_account_imports(world: World) -> None:
    world.router.set_stream_imports("$G", Streams({b"in.>": [("X", b">", Prefix(b"in."))]}))
    link = leaf(world, "l", origin="L")
    hears(link, b"in.>")
    hears(link, b"in.>", b"q", 4)
    world.attach("x", account="X")
    world.feed("x", b"PUB a r 2\r\nhi\r\n")
    assert world.output("l") == b"LMSG in.a + r q 2\r\nhi\r\n"
    assert world.router.subscription_count("X") == 2
    link.unhear("$G", b"in.>", b"", b"")
    world.router.set_stream_imports("$G", None)
    assert world.router.subscription_count("X") == 0


def test_imports_made_later_hold_for_what_is_heard_already(world: World) -> None:
    link = leaf(world, "l")
    hears(link, b"in.>")
    world.router.set_stream_imports("$G", Streams({b"in.>": [("X", b">", Prefix(b"in."))]}))
    world.router.publish("X", b"a", b"", b"", b"")
    assert world.output("l") == b"LMSG in.a 0\r\n\r\n"


def test_what_was_imported_as_a_service_is_not_exported_as_a_stream(world: World) -> None:
    world.router.set_stream_imports("$G", Streams({b"in.>": [("X", b">")]}))
    world.router.set_service_imports("Y", [ServiceRoute(b"help", "X")])
    link = leaf(world, "l")
    hears(link, b"in.>")
    assert world.router.publish("Y", b"help", b"", b"", b"") == 0
    assert world.router.publish("X", b"help", b"", b"", b"") == 1


def test_routes_do_not_hear_imported_streams(world: World) -> None:
    world.router.set_stream_imports("$G", Streams({b"in.>": [("X", b">")]}))
    hears(route(world, "r"), b"in.>")
    assert world.router.subscription_count("X") == 0


def test_requests_of_leafs_go_to_imported_services_and_answers_come_back(world: World) -> None:
    world.router.set_service_imports("$G", [ServiceRoute(b"help", "X")])
    world.attach("x", account="X")
    world.feed("x", b"SUB help q 1\r\n")
    link = leaf(world, "l", origin="L")
    hears(link, b"inbox")
    world.feed("l", b"LMSG help inbox 2\r\nme\r\n")
    reply = world.output("x").split()[3]
    assert reply.startswith(b"_R_.")
    world.feed("x", b"PUB %b 2\r\nhi\r\n" % reply)
    assert world.output("l") == b"LMSG inbox 2\r\nhi\r\n"


def test_what_was_imported_goes_back_to_the_cluster_it_came_from(world: World) -> None:
    """It was not heard there in the other account: two links of one server, an account each."""
    world.router.set_service_imports("$G", [ServiceRoute(b"help", "X")])
    world.router.set_stream_imports("$G", Streams({b"in.>": [("X", b">", Prefix(b"in."))]}))
    asking = leaf(world, "l", origin="L")
    hears(asking, b"inbox")
    hears(leaf(world, "x", "X", origin="L"), b"help", account="X")
    world.feed("l", b"LMSG help inbox 2\r\nme\r\n")
    asked = world.output("x").split()
    assert asked[:2] == [b"HMSG", b"help"]
    world.feed("x", b"LMSG %b 2\r\nhi\r\n" % asked[2])
    assert world.output("l") == b"LMSG inbox 2\r\nhi\r\n"
    hears(asking, b"in.>")
    hears(asking, b"in.>", b"q")
    world.feed("x", b"LMSG a | q 2\r\nhi\r\n")
    assert world.output("l") == b"LMSG in.a | q 2\r\nhi\r\n"


def test_what_is_imported_for_a_leaf_is_wanted_for_no_cluster(world: World) -> None:
    """Its cluster did not hear it in that account: other leafs of it are to send it, too."""
    listener = Subscriptions()
    world.router.add_subscription_listener(listener)
    world.router.set_stream_imports("$G", Streams({b"in.>": [("X", b">", Prefix(b"in."))]}))
    link = leaf(world, "l", origin="L")
    hears(link, b"in.>", b"q", 2, origin=b"L")
    own, shadow = ("$G", b"in.>", b"q"), ("X", b">", b"q")
    assert listener.news() == [(link.cid, *own, 2, b"L"), (link.cid, *shadow, 2, b"")]
    hears(link, b"in.>", b"q", 3, origin=b"L")
    assert listener.news() == [(link.cid, *own, 1, b"L"), (link.cid, *shadow, 1, b"")]
    link.unhear("$G", b"in.>", b"q", b"L")
    assert sorted(listener.news()) == [(link.cid, *own, -3, b"L"), (link.cid, *shadow, -3, b"")]


@pytest.mark.parametrize("group", [b"", b"q"])
def test_what_was_imported_goes_to_members_behind_the_leaf_it_came_from(
    world: World, group: bytes
) -> None:
    """Over a route, without the mark of a cluster that nobody needs."""
    world.router.set_service_imports("$G", [ServiceRoute(b"help", "X")])
    hears(route(world, "r"), b"help", group, account="X", origin=b"L" if group else b"")
    leaf(world, "l", origin="L")
    world.feed("l", b"LMSG help 2\r\nme\r\n")
    frame = world.output("r")
    assert frame.startswith(b"HMSG X help" + (b" | q " if group else b" "))
    world.feed("l", b"LMSG help | q 2\r\nme\r\n")
    assert world.output("r").startswith(frame)


def test_a_leaf_sends_no_request_back_to_whom_it_was_sent_from_a_hub_of_that_cluster(
    world: World,
) -> None:
    """With imports at both ends it would go round; a hub without a name may be any."""
    world.router.set_service_imports("$G", [ServiceRoute(b"help", "X")])
    for name, cluster in (("same", "H"), ("other", "I"), ("unnamed", "")):
        hears(leaf(world, name, "X", origin=cluster, spoke=True), b"help", account="X")
    leaf(world, "h", origin="H", spoke=True)
    world.feed("h", b"LMSG help 2\r\nme\r\n")
    told = [bool(world.output(name)) for name in ("same", "other", "unnamed")]
    assert told == [False, True, False]
    leaf(world, "nameless", spoke=True)
    world.feed("nameless", b"LMSG help 2\r\nme\r\n")
    assert [world.output(name) for name in ("same", "unnamed")] == [b"", b""]


def test_answers_that_come_over_a_route_cross_back_and_go_over_routes(world: World) -> None:
    """One hop more: the route knows nothing of the account whose request it was."""
    world.router.set_service_imports("$G", [ServiceRoute(b"help", "X")])
    link = route(world, "r")
    hears(link, b"help", account="X")
    hears(link, b"inbox")
    hears(route(world, "s"), b"inbox")
    hears(leaf(world, "h", spoke=True), b"inbox")
    hears(route(world, "t"), b"inbox", b"q")
    world.attach("a")
    world.feed("a", b"PUB help inbox 2\r\nme\r\n")
    asked = world.output("r").split()
    assert (asked[:3], asked[3][:4]) == ([b"HMSG", b"X", b"help"], b"_R_.")
    world.feed("r", b"LMSG L X %b 0 2\r\nhi\r\n" % asked[3])
    assert world.output("r") == world.output("s") == b"RMSG $G inbox 2\r\nhi\r\n"
    assert world.output("h") == b"LMSG inbox 2\r\nhi\r\n"
    assert world.output("t") == b"RMSG $G inbox | q 2\r\nhi\r\n"

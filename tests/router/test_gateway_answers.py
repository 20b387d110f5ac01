"""Requests of other clusters: how they are answered, and what else leads back there."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from pubsub.interfaces import PeerKind, ResponsePermission, ServiceRoute
from tests.router.importing import Prefix
from tests.router.recording import QUIET, World
from tests.router.serving import gateway, hears, leaf, route, stop_clock, use

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


# --- answering those ---------------------------------------------------------------------

REQUEST = b"RMSG $G ask " + THEIRS + b"inbox.1 2\r\nhi\r\n"


@pytest.fixture
def answering(between: World) -> World:
    """``a`` was asked by another cluster."""
    between.feed("a", b"SUB ask 1\r\n")
    between.feed("i", REQUEST)
    assert between.output("a") == b"MSG ask 1 inbox.1 2\r\nhi\r\n"
    return between


def test_an_answer_goes_to_who_asked(answering: World) -> None:
    answering.feed("a", b"PUB inbox.1 3\r\nyes\r\nHPUB inbox.1 r 12 12\r\nNATS/1.0\r\n\r\n\r\n")
    assert answering.output("g") == (
        b"RMSG $G " + THEIRS + b"inbox.1 3\r\nyes\r\n"
        b"HMSG $G " + THEIRS + b"inbox.1 r 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    )


def test_it_goes_to_nobody_else(answering: World) -> None:
    hears(route(answering, "r"), b">")
    hears(leaf(answering, "l"), b">")
    hears(gateway(answering, "h", hash=b"NOTHIS"), b">")
    use(answering, "h", "g")
    answering.feed("a", b"SUB > 2\r\nPUB inbox.1 3\r\nyes\r\n")
    assert {name for name in answering.peers if answering.output(name)} == {"g"}


def test_it_counts_as_delivered(answering: World) -> None:
    answering.peers["g"].link.close()
    assert answering.feed("a", b"SUB r 2\r\nPUB inbox.1 r 0\r\n\r\n") == b""
    assert answering.peers["a"].link.publish(b"inbox.1", b"", b"", b"") == 1


def test_its_own_reply_says_where_it_is(answering: World) -> None:
    answering.feed("a", b"SUB new 2\r\nPUB inbox.1 new 0\r\n\r\n")
    assert answering.output("g") == b"RMSG $G %binbox.1 %bnew 0\r\n\r\n" % (THEIRS, OURS)


def test_others_publish_there_as_anywhere(answering: World) -> None:
    answering.attach("b")
    hears(answering.peers["g"].link, b"inbox.>")
    answering.feed("b", b"PUB inbox.1 3\r\nyes\r\n")
    assert answering.output("g") == b"RMSG $G inbox.1 3\r\nyes\r\n"


def test_the_way_back_is_known_for_two_seconds(answering: World, clock: Clock) -> None:
    clock.advance(1.75)
    answering.feed("a", b"PUB inbox.1 0\r\n\r\n")
    assert answering.output("g") == b"RMSG $G %binbox.1 0\r\n\r\n" % THEIRS
    clock.advance(0.25)
    answering.feed("a", b"PUB inbox.1 0\r\n\r\n")
    assert answering.output("g") == b""


def test_the_last_request_counts(answering: World, clock: Clock) -> None:
    clock.advance(1.5)
    answering.feed("i", REQUEST.replace(b"THESRV", b"ANOTHE"))
    clock.advance(1.5)
    answering.feed("a", b"PUB inbox.1 0\r\n\r\n")
    assert answering.output("g") == b"RMSG $G _GR_.OTHERS.ANOTHE.inbox.1 0\r\n\r\n"


def test_what_a_client_published_before_is_prepared_anew(between: World) -> None:
    """It has published there, and is then asked for an answer there."""
    lines = 3 * b"PUB inbox.1 0\r\n\r\n"
    between.attach("b")
    between.feed("b", b"SUB inbox.1 1\r\n")
    between.feed("a", b"SUB ask 1\r\n" + lines)
    assert between.output("b") == 3 * b"MSG inbox.1 1 0\r\n\r\n"
    between.feed("i", REQUEST)
    between.feed("a", lines)
    assert between.output("b") == b""
    assert between.output("g") == 3 * (b"RMSG $G %binbox.1 0\r\n\r\n" % THEIRS)


def test_hubs_get_it_as_well(answering: World) -> None:
    leaf(answering, "hub", spoke=True)
    leaf(answering, "hub of B", "B", spoke=True)
    answering.feed("a", b"HPUB inbox.1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    frame = b"HMSG %b12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    assert answering.output("hub") == frame % (THEIRS + b"inbox.1 ")
    assert answering.output("g") == frame % (b"$G " + THEIRS + b"inbox.1 ")
    assert answering.output("hub of B") == b""


def test_a_leaf_without_gateways_answers_its_hub(world: World) -> None:
    world.attach("a")
    hub = leaf(world, "hub", spoke=True)
    seen: list[bytes] = []

    def deliver(subject: bytes, queue: bytes) -> bool:
        seen.append(subject)
        return subject != b"inbox.2"

    hub.set_permissions(None, None, deliver)
    world.feed("a", b"SUB ask 1\r\n")
    for reply in (b"inbox.1", b"inbox.2"):
        world.feed("hub", b"LMSG ask %b%b 0\r\n\r\n" % (THEIRS, reply))
        world.feed("a", b"PUB %b 3\r\nyes\r\n" % reply)
    assert world.output("a") == b"MSG ask 1 inbox.1 0\r\n\r\nMSG ask 1 inbox.2 0\r\n\r\n"
    assert world.output("hub") == b"LMSG %binbox.1 3\r\nyes\r\n" % THEIRS
    assert seen == [b"inbox.1", b"inbox.2"], "asked without the way back"


def test_permission_is_asked_for_what_is_written(answering: World) -> None:
    link = answering.peers["a"].link
    link.set_permissions(lambda subject: subject != b"inbox.1", None, None)
    assert answering.feed("a", b"PUB inbox.1 0\r\n\r\n") == (
        b"-ERR 'Permissions Violation for Publish to \"inbox.1\"'\r\n"
    )
    assert answering.output("g") == b""


def test_who_may_answer_may_answer_other_clusters(between: World) -> None:
    link = between.peers["a"].link
    link.set_permissions(lambda subject: False, None, None, ResponsePermission(1, 0.0))
    between.feed("a", b"SUB ask 1\r\n")
    between.feed("i", REQUEST)
    between.output("a")
    assert between.feed("a", b"PUB inbox.1 0\r\n\r\n") == b""
    assert between.output("g") == b"RMSG $G %binbox.1 0\r\n\r\n" % THEIRS
    assert b"Permissions Violation" in between.feed("a", b"PUB inbox.1 0\r\n\r\n")


def test_mappings_come_first(answering: World) -> None:
    answering.router.set_mapper("$G", Prefix(b"inbox."))
    answering.feed("a", b"PUB 1 0\r\n\r\n")
    assert answering.output("g") == b"RMSG $G %binbox.1 0\r\n\r\n" % THEIRS


def test_replies_in_the_old_form_are_shown(between: World) -> None:
    between.feed("a", b"SUB ask 1\r\n")
    between.feed("i", b"RMSG $G ask $GR.othe.inbox.1 0\r\n\r\n")
    assert between.output("a") == b"MSG ask 1 $GR.othe.inbox.1 0\r\n\r\n"


def test_servers_get_the_whole_reply(between: World) -> None:
    hears(route(between, "r"), b"ask")
    hears(leaf(between, "l"), b"ask", b"q")
    between.feed(
        "i", REQUEST.replace(b"THESRV.inbox.1", b"THESRV.inbox.1 q", 1).replace(b"ask", b"ask +")
    )
    assert between.output("r") == b"RMSG $G ask %binbox.1 2\r\nhi\r\n" % THEIRS
    assert between.output("l") == b"LMSG ask + %binbox.1 q 2\r\nhi\r\n" % THEIRS


@pytest.mark.parametrize("kind", [PeerKind.INTERNAL, PeerKind.SINK])
def test_the_server_itself_answers(between: World, clock: Clock, kind: PeerKind) -> None:
    """What one of its own was asked, any of them in that account may answer."""
    asked = between.attach("s", kind=kind)
    asked.subscribe(b"ask", b"", b"1")
    between.feed("i", REQUEST)
    call = "message_received" if kind == PeerKind.INTERNAL else "batch_received"
    assert between.calls() == [("s", call, b"1", b"ask", b"inbox.1", b"", b"hi")]
    other = between.attach("t", kind=PeerKind.INTERNAL)
    assert other.publish(b"inbox.1", b"", b"", b"") == 1
    assert between.router.publish("$G", b"inbox.1", b"", b"", b"") == 1
    assert between.output("g") == 2 * (b"RMSG $G %binbox.1 0\r\n\r\n" % THEIRS)
    assert between.router.publish("A", b"inbox.1", b"", b"", b"") == 0
    between.feed("a", b"PUB inbox.1 0\r\n\r\n")
    leaf(between, "l")
    between.feed("l", b"LMSG inbox.1 0\r\n\r\n")
    assert between.output("g") == b"", "clients were not asked, and leafs see whole replies"
    clock.advance(2.0)
    assert other.publish(b"inbox.1", b"", b"", b"") == 0


def test_what_reaches_an_import_is_remembered_by_the_account(between: World) -> None:
    between.router.set_service_imports("$G", [ServiceRoute(b"ask", "B")])
    between.feed("i", REQUEST)
    assert between.router.publish("$G", b"inbox.1", b"", b"", b"") == 1
    assert between.output("g") == b"RMSG $G %binbox.1 0\r\n\r\n" % THEIRS


def test_an_imported_service_answers_a_hub(between: World) -> None:
    """The hub asked in the name of another cluster: the answer goes to both."""
    between.router.set_service_imports("$G", [ServiceRoute(b"ask", "B")])
    between.attach("b", QUIET, account="B")
    between.feed("b", b"SUB ask 1\r\n")
    hears(leaf(between, "hub", spoke=True), b"_GR_.>")
    between.feed("hub", b"LMSG ask %binbox.1 2\r\nhi\r\n" % THEIRS)
    reply = between.output("b").split()[3]
    assert reply.startswith(b"_R_.")
    between.feed("b", b"PUB %b 3\r\nyes\r\n" % reply)
    assert between.output("hub") == b"LMSG %binbox.1 3\r\nyes\r\n" % THEIRS
    assert between.output("g") == b"RMSG $G %binbox.1 3\r\nyes\r\n" % THEIRS


# --- whole replies, published -------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        (b"_GR_.OTHERS.THESRV.x", True),
        (b"$GR.othe.x", True),
        (b"_GR_.NOTHIS.THESRV.x", False),
        (b"$GR.nope.x", False),
    ],
)
@pytest.mark.parametrize("how", ["leaf", "internal", "router"])
def test_servers_publish_there_directly(
    between: World, how: str, subject: bytes, sent: bool
) -> None:
    hears(route(between, "r"), b">")
    if how == "leaf":
        leaf(between, "l")
        between.feed("l", b"LMSG %b 2\r\nhi\r\n" % subject)
    elif how == "internal":
        between.attach("s", kind=PeerKind.INTERNAL).publish(subject, b"", b"", b"hi")
    else:
        between.router.publish("$G", subject, b"", b"", b"hi")
    assert between.output("g") == (b"RMSG $G %b 2\r\nhi\r\n" % subject if sent else b"")
    assert b"RMSG $G %b 2\r\nhi\r\n" % subject == between.output("r"), "and as usual"


@pytest.mark.parametrize("subject", [THEIRS + b"x", b"$GR.othe.x"])
def test_clients_may_not(between: World, subject: bytes) -> None:
    assert between.feed("a", b"PUB %b 0\r\n\r\n" % subject) == (
        b"-ERR 'Permissions Violation for Publish to \"%b\"'\r\n" % subject
    )
    assert between.output("g") == b""


# --- leafs' permissions -------------------------------------------------------------------


def asks(world: World, spoke: bool, **responses: Any) -> list[bytes]:
    """A leaf, or hub, ``l`` that may only publish ``fine``; what it was asked for."""
    asked: list[bytes] = []

    def may(subject: bytes) -> bool:
        asked.append(subject)
        return subject == b"fine"

    leaf(world, "l", spoke=spoke).set_permissions(may, None, None, **responses)
    world.feed("a", b"SUB > 1\r\n")
    return asked


def test_a_leaf_s_permission_is_asked_without_the_way_back(between: World) -> None:
    asked = asks(between, spoke=False)
    for subject in (b"fine", b"bad", b"_R_.a.b", b"$JS.ACK.a"):
        between.feed("l", b"LMSG %b%b 0\r\n\r\n" % (THEIRS, subject))
    assert asked == [b"fine", b"bad"]
    assert between.output("a") == b"".join(
        b"MSG %b%b 1 0\r\n\r\n" % (THEIRS, subject)
        for subject in (b"fine", b"_R_.a.b", b"$JS.ACK.a")
    )
    assert between.peers["l"].faults[0].wire == (
        'Permissions Violation for Publish to "_GR_.OTHERS.THESRV.bad"'
    )
    assert len(between.peers["l"].faults) == 1


def test_a_hub_s_is_not_asked(between: World) -> None:
    asked = asks(between, spoke=True)
    between.feed("l", b"LMSG %bbad 0\r\n\r\nLMSG $GR.othe.bad 0\r\n\r\nLMSG bad 0\r\n\r\n" % THEIRS)
    assert asked == [b"bad"]
    assert between.output("a") == (b"MSG %bbad 1 0\r\n\r\nMSG $GR.othe.bad 1 0\r\n\r\n" % THEIRS)


def test_a_leaf_that_was_asked_may_answer(between: World) -> None:
    asks(between, spoke=False, responses=ResponsePermission(1, 0.0))
    hears(between.peers["l"].link, b"ask")
    between.feed("i", REQUEST)
    assert between.output("l") == b"LMSG ask %binbox.1 2\r\nhi\r\n" % THEIRS
    answer = b"LMSG %binbox.1 3\r\nyes\r\n" % THEIRS
    between.feed("l", answer)
    assert between.output("g") == b"RMSG $G %binbox.1 3\r\nyes\r\n" % THEIRS
    between.feed("l", answer)
    assert between.output("g") == b""
    assert len(between.peers["l"].faults) == 1

"""What is sent to other clusters: who wants it, in which order, and the exact frames."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.interfaces import LinkOptions, PeerKind, RouterSettings, ServerPeer, ServiceRoute
from tests.router.recording import QUIET, World
from tests.router.serving import Subscriptions, gateway, hears, leaf, route, use


@pytest.fixture
def between(world: World) -> World:
    """A client ``a``, and two other clusters: ``g`` is nearer than ``h``."""
    world.attach("a")
    gateway(world, "h")
    gateway(world, "g")
    use(world, "g", "h")
    return world


def publish(world: World, data: bytes) -> dict[str, bytes]:
    """What ``a`` says, and what the others are sent because of it."""
    world.feed("a", data)
    return {name: out for name in world.peers if (out := world.output(name))}


# --- interest ---------------------------------------------------------------------------


def test_what_is_wanted_is_sent(between: World) -> None:
    hears(between.peers["g"].link, b"x.*")
    assert publish(between, b"PUB x.y 2\r\nhi\r\nPUB z 0\r\n\r\n") == {
        "g": b"RMSG $G x.y 2\r\nhi\r\n"
    }


def test_it_is_sent_once_however_often_it_is_wanted(between: World) -> None:
    link = between.peers["g"].link
    for subject in (b"x", b"*", b">"):
        hears(link, subject)
    assert publish(between, b"PUB x r 0\r\n\r\n") == {"g": b"RMSG $G x r 0\r\n\r\n"}


def test_what_is_not_wanted_any_more_is_not(between: World) -> None:
    link = between.peers["g"].link
    hears(link, b"x")
    hears(link, b"*")
    link.unhear("$G", b"x", b"", b"")
    assert publish(between, b"PUB x 0\r\n\r\n") == {"g": b"RMSG $G x 0\r\n\r\n"}
    link.unhear("$G", b"*", b"", b"")
    link.unhear("$G", b"never", b"", b"")
    assert publish(between, b"PUB x 0\r\n\r\n") == {}


def test_other_accounts_are_others(between: World) -> None:
    hears(between.peers["g"].link, b"x", account="A")
    assert publish(between, b"PUB x 0\r\n\r\n") == {}
    between.router.publish("A", b"x", b"", b"", b"hi")
    assert between.output("g") == b"RMSG A x 2\r\nhi\r\n"


def test_a_link_that_is_not_in_use_gets_nothing(between: World) -> None:
    hears(gateway(between, "inbound"), b"x")
    hears(between.peers["h"].link, b"x")
    use(between, "g")
    assert publish(between, b"PUB x 0\r\n\r\n") == {}
    use(between, "g", "h")
    assert publish(between, b"PUB x 0\r\n\r\n") == {"h": b"RMSG $G x 0\r\n\r\n"}


def test_a_closed_link_gets_nothing(between: World) -> None:
    hears(between.peers["g"].link, b"x")
    assert publish(between, b"PUB x 0\r\n\r\n") == {"g": b"RMSG $G x 0\r\n\r\n"}
    between.peers["g"].link.close()
    assert publish(between, b"PUB x 0\r\n\r\n") == {}


def test_what_is_no_subject_is_not_heard(between: World) -> None:
    assert not between.peers["g"].link.hear("$G", b"a..b", b"", 1, b"")


def test_listeners_are_told(between: World) -> None:
    told = Subscriptions()
    between.router.add_subscription_listener(told)
    link = between.peers["g"].link
    hears(link, b"x")
    hears(link, b"x")
    hears(link, b"x", b"q", 3)
    hears(link, b"x", b"q", 1)
    link.unhear("$G", b"x", b"", b"")
    link.unhear("$G", b"x", b"q", b"")
    cid = link.cid
    assert told.news() == [
        (cid, "$G", b"x", b"", 1, b""),
        (cid, "$G", b"x", b"q", 3, b""),
        (cid, "$G", b"x", b"q", -2, b""),
        (cid, "$G", b"x", b"", -1, b""),
        (cid, "$G", b"x", b"q", -1, b""),
    ]


def test_it_is_nothing_of_this_cluster(between: World) -> None:
    link, router = between.peers["g"].link, between.router
    before = dict(router.stats())
    hears(link, b"x")
    hears(link, b"x", b"q")
    assert dict(router.stats()) == before
    assert router.subscription_count("$G") == 0
    assert list(router.matching("$G", b"x")) == []
    assert list(router.subscriptions()) == []
    assert [(row.subject, row.queue) for row in link.subscriptions()] == [(b"x", b""), (b"x", b"q")]
    assert link.counters().subscriptions == 2
    link.close()
    assert link.counters().subscriptions == 0


# --- what is presumed -------------------------------------------------------------------


class Presumed:
    """Wants what begins with ``x``, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []

    def __call__(self, account: str, subject: bytes) -> bool:
        self.asked.append((account, subject))
        return subject.startswith(b"x")


def test_what_is_presumed_is_sent(between: World) -> None:
    presumed = Presumed()
    between.peers["g"].link.peer = ServerPeer(presumed=presumed)
    assert publish(between, 3 * b"PUB x 0\r\n\r\nPUB y 0\r\n\r\n") == {
        "g": 3 * b"RMSG $G x 0\r\n\r\n"
    }
    assert presumed.asked == [("$G", b"x"), ("$G", b"y")]


def test_nothing_is_presumed_of_what_is_wanted(between: World) -> None:
    presumed = Presumed()
    link = between.peers["g"].link
    link.peer = ServerPeer(presumed=presumed)
    hears(link, b"y")
    assert publish(between, b"PUB y 0\r\n\r\n") == {"g": b"RMSG $G y 0\r\n\r\n"}
    assert presumed.asked == []


def test_queue_groups_are_wanted_besides_what_is_presumed(between: World) -> None:
    link = between.peers["g"].link
    link.peer = ServerPeer(presumed=Presumed())
    hears(link, b"*", b"q")
    assert publish(between, b"PUB x 0\r\n\r\nPUB y 0\r\n\r\n") == {
        "g": b"RMSG $G x | q 0\r\n\r\nRMSG $G y | q 0\r\n\r\n"
    }


def test_a_new_peer_is_asked_anew(between: World) -> None:
    first, second = Presumed(), Presumed()
    link = between.peers["g"].link
    link.peer = ServerPeer(presumed=first)
    publish(between, b"PUB x 0\r\n\r\n")
    link.peer = ServerPeer(presumed=second)
    publish(between, b"PUB x 0\r\n\r\n")
    assert first.asked == second.asked == [("$G", b"x")]
    link.peer = ServerPeer()
    assert publish(between, b"PUB x 0\r\n\r\n") == {}


def test_without_a_cache_each_message_asks(between: World) -> None:
    presumed = Presumed()
    between.router.settings = RouterSettings(cache=False)
    between.peers["g"].link.peer = ServerPeer(presumed=presumed)
    assert publish(between, 2 * b"PUB x 0\r\n\r\n") == {"g": 2 * b"RMSG $G x 0\r\n\r\n"}
    assert len(presumed.asked) == 2


# --- frames -----------------------------------------------------------------------------

HPUB = b"HPUB x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"


@pytest.mark.parametrize(
    ("queues", "data", "frame"),
    [
        ((), b"PUB x 2\r\nhi\r\n", b"RMSG $G x 2\r\nhi\r\n"),
        ((), b"PUB x r 02\r\nhi\r\n", b"RMSG $G x r 02\r\nhi\r\n"),
        ((b"q",), b"PUB x r 2\r\nhi\r\n", b"RMSG $G x + r q 2\r\nhi\r\n"),
        ((b"q", b"p"), b"PUB x 2\r\nhi\r\n", b"RMSG $G x | q p 2\r\nhi\r\n"),
        ((), HPUB, b"HMSG $G x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
        (
            (b"q",),
            b"HPUB x r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
            b"HMSG $G x + r q 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
        ),
    ],
)
def test_the_frame(between: World, queues: tuple[bytes, ...], data: bytes, frame: bytes) -> None:
    link = between.peers["g"].link
    if not queues:
        hears(link, b"x")
    for queue in queues:
        hears(link, b"x", queue)
    assert publish(between, data) == {"g": frame}


def test_headers_are_left_out_for_who_does_not_know_them(between: World) -> None:
    for name, known in (("g", False), ("h", True)):
        link = between.peers[name].link
        link.peer = ServerPeer(headers=known)
        hears(link, b"x")
    assert publish(between, HPUB) == {
        "g": b"RMSG $G x 2\r\nhi\r\n",
        "h": b"HMSG $G x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    }
    assert between.peers["g"].link.counters().out_bytes == 2
    assert between.peers["h"].link.counters().out_bytes == 14


def test_it_is_counted_and_traced(between: World) -> None:
    link = between.peers["g"].link
    hears(link, b"x")
    link.trace = True
    assert publish(between, b"PUB x 2\r\nhi\r\n") == {"g": b"RMSG $G x 2\r\nhi\r\n"}
    assert link.counters()[:4] == (0, 0, 1, 2)
    assert between.router.account_counters("$G") == (1, 2, 0, 0)
    assert between.calls() == [
        ("g", "traced", "out", "RMSG", b"$G x 2"),
        ("g", "traced", "out", "MSG_PAYLOAD", b"hi"),
    ]


def test_one_that_does_not_read_is_a_slow_consumer(between: World) -> None:
    between.router.settings = RouterSettings(max_pending=8)
    link = between.peers["g"].link
    hears(link, b"x")
    link.pause_output()
    between.feed("a", 2 * b"PUB x 2\r\nhi\r\n")
    assert [type(fault).__name__ for fault in between.peers["g"].faults] == ["SlowConsumer"]


# --- who else gets it -------------------------------------------------------------------


def test_a_message_goes_to_everybody_that_wants_it(between: World) -> None:
    hears(between.peers["g"].link, b"x")
    hears(between.peers["h"].link, b"x")
    hears(route(between, "r"), b"x")
    hears(leaf(between, "l"), b"x")
    assert publish(between, b"SUB x 1\r\nPUB x 2\r\nhi\r\n") == {
        "a": b"MSG x 1 2\r\nhi\r\n",
        "g": b"RMSG $G x 2\r\nhi\r\n",
        "h": b"RMSG $G x 2\r\nhi\r\n",
        "r": b"RMSG $G x 2\r\nhi\r\n",
        "l": b"LMSG x 2\r\nhi\r\n",
    }


def test_the_order_is_ours_then_this_cluster_then_others(between: World) -> None:
    for name in "hg":
        link = between.peers[name].link
        hears(link, b"x")
        link.trace = True
    hears(route(between, "r"), b"x")
    between.peers["r"].link.trace = True
    between.attach("i", kind=PeerKind.INTERNAL).subscribe(b"x", b"", b"1")
    publish(between, b"PUB x 0\r\n\r\n")
    assert [call[0] for call in between.calls()] == ["i", "r", "g", "h"]


def test_the_server_s_own_messages_are_sent(between: World) -> None:
    hears(between.peers["g"].link, b"x")
    assert between.router.publish("$G", b"x", b"r", b"NATS/1.0\r\n\r\n", b"hi") == 1
    internal = between.attach("i", kind=PeerKind.INTERNAL)
    assert internal.publish(b"x", b"", b"", b"") == 1
    assert between.output("g") == (
        b"HMSG $G x r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nRMSG $G x 0\r\n\r\n"
    )


@pytest.mark.parametrize("kind", [PeerKind.ROUTE, PeerKind.GATEWAY])
def test_what_servers_pass_on_is_not_sent(between: World, kind: PeerKind) -> None:
    between.attach("s", kind=kind)
    hears(between.peers["g"].link, b"x")
    hears(between.peers["g"].link, b"x", b"q")
    between.feed("s", b"RMSG $G x 2\r\nhi\r\nRMSG $G x | q 2\r\nhi\r\n")
    assert between.output("g") == b""


@pytest.mark.parametrize("spoke", [True, False])
def test_what_leafs_and_hubs_send_is(between: World, spoke: bool) -> None:
    leaf(between, "l", spoke=spoke)
    hears(between.peers["g"].link, b"x")
    between.feed("l", b"LMSG x r 2\r\nhi\r\n")
    assert between.output("g") == b"RMSG $G x r 2\r\nhi\r\n"


def test_whoever_hears_of_it_there_is_somebody(between: World) -> None:
    """No 503, although nobody of this cluster got it."""
    link = between.peers["g"].link
    hears(link, b"x")
    hears(link, b"y", b"q")
    out = publish(between, b"SUB r 1\r\nPUB x r 0\r\n\r\nPUB y r 0\r\n\r\nPUB z r 0\r\n\r\n")
    assert out["a"] == b"HMSG r 1 33 33\r\nNATS/1.0 503\r\nNats-Subject: z\r\n\r\n\r\n"


# --- queue groups -----------------------------------------------------------------------


def test_a_group_goes_to_the_nearest_cluster(between: World) -> None:
    for name in "hg":
        hears(between.peers[name].link, b"x", b"q")
    assert publish(between, b"PUB x 0\r\n\r\n") == {"g": b"RMSG $G x | q 0\r\n\r\n"}
    use(between, "h", "g")
    assert publish(between, b"PUB x 0\r\n\r\n") == {"h": b"RMSG $G x | q 0\r\n\r\n"}


def test_each_group_goes_somewhere(between: World) -> None:
    near, far = between.peers["g"].link, between.peers["h"].link
    hears(near, b"x", b"p")
    hears(far, b"x", b"q")
    hears(far, b"x", b"p")
    hears(far, b">")
    assert publish(between, b"PUB x 0\r\n\r\n") == {
        "g": b"RMSG $G x | p 0\r\n\r\n",
        "h": b"RMSG $G x | q 0\r\n\r\n",
    }


def test_groups_are_named_once_in_the_order_of_hearing(between: World) -> None:
    link = between.peers["g"].link
    for subject, queue in ((b"*", b"q"), (b"x", b"p"), (b"x", b"q"), (b">", b"o")):
        hears(link, subject, queue)
    assert publish(between, b"PUB x 0\r\n\r\n") == {"g": b"RMSG $G x | q p o 0\r\n\r\n"}


def serve_here(world: World) -> None:
    """A member of ``q`` at this server."""
    world.feed("a", b"SUB x q 1\r\n")


def serve_by_route(world: World) -> None:
    """One at another server of this cluster."""
    hears(route(world, "r"), b"x", b"q")


def serve_by_leaf(world: World) -> None:
    """One at a leaf."""
    hears(leaf(world, "l"), b"x", b"q")


@pytest.mark.parametrize("serve", [serve_here, serve_by_route, serve_by_leaf])
def test_a_group_served_in_this_cluster_is_left_out(between: World, serve: Any) -> None:
    serve(between)
    link = between.peers["g"].link
    hears(link, b"x", b"q")
    assert "g" not in publish(between, b"PUB x 0\r\n\r\n")
    hears(link, b"x", b"p")
    assert publish(between, b"PUB x 0\r\n\r\n")["g"] == b"RMSG $G x | p 0\r\n\r\n"
    hears(link, b"x")
    link.unhear("$G", b"x", b"p", b"")
    assert publish(between, b"PUB x 0\r\n\r\n")["g"] == b"RMSG $G x 0\r\n\r\n"


def test_a_group_that_nobody_here_takes_goes_abroad(between: World) -> None:
    hears(between.peers["g"].link, b"x", b"q")
    deaf = between.attach("deaf", LinkOptions(verbose=False, echo=False))
    between.feed("deaf", b"SUB x q 1\r\nPUB x 0\r\n\r\n")
    assert between.output("g") == b"RMSG $G x | q 0\r\n\r\n"
    deaf.set_permissions(None, None, lambda subject, queue: False)
    assert publish(between, b"PUB x 0\r\n\r\n") == {"g": b"RMSG $G x | q 0\r\n\r\n"}


def test_leafs_name_the_groups_that_may_be_served(between: World) -> None:
    leaf(between, "l")
    link = between.peers["g"].link
    for queue in (b"o", b"p", b"q"):
        hears(link, b"x", queue)
    between.feed("a", b"SUB x p 1\r\n")
    between.feed("l", b"LMSG x 0\r\n\r\nLMSG x | p q n 0\r\n\r\nLMSG x + r o 0\r\n\r\n")
    assert between.output("g") == b"RMSG $G x | q 0\r\n\r\nRMSG $G x + r o 0\r\n\r\n"
    assert between.output("a") == b"MSG x 1 0\r\n\r\n"


# --- services ---------------------------------------------------------------------------


def imported(world: World) -> None:
    """``$G`` asks for ``ask`` of account B."""
    world.router.set_service_imports("$G", [ServiceRoute(b"ask", "B")])


def test_requests_that_cross_are_sent_in_the_exporting_account(between: World) -> None:
    imported(between)
    hears(between.peers["g"].link, b"ask", account="B")
    hears(between.peers["h"].link, b"ask", b"q", account="B")
    out = publish(between, b"SUB r 1\r\nPUB ask r 2\r\nhi\r\n")
    assert "a" not in out, "it was delivered"
    assert out["g"].startswith(b"HMSG B ask _")
    reply = out["h"].split()[4]
    assert out["h"].split()[:4] == [b"HMSG", b"B", b"ask", b"+"]
    assert out["h"].split()[5] == b"q"
    assert reply in out["g"]


def test_leafs_that_ask_for_a_service_name_no_groups(between: World) -> None:
    imported(between)
    leaf(between, "l")
    hears(between.peers["g"].link, b"ask", b"q", account="B")
    between.feed("l", b"LMSG ask 2\r\nhi\r\n")
    assert b"HMSG B ask | q " in between.output("g")


@pytest.mark.parametrize("kind", [PeerKind.CLIENT, PeerKind.ROUTE, PeerKind.GATEWAY])
def test_answers_are_sent_on_in_the_asking_account(between: World, kind: PeerKind) -> None:
    """Whoever the answer comes from: other clusters have not heard it."""
    imported(between)
    server = between.attach("b", QUIET, kind, "B")
    if kind == PeerKind.CLIENT:
        between.feed("b", b"SUB ask 1\r\n")
    else:
        hears(between.peers["g"].link, b"ask", account="B")
        hears(route(between, "r"), b"ask", account="B")
    hears(between.peers["h"].link, b"inbox")
    between.feed("a", b"PUB ask inbox 2\r\nhi\r\n")
    asked = between.output("b") if kind == PeerKind.CLIENT else between.output("r")
    reply = asked.split()[3]
    reply = reply[reply.index(b"_R_.") :]
    between.output("g")
    assert server.account == "B"
    if kind == PeerKind.CLIENT:
        between.feed("b", b"PUB %b 3\r\nyes\r\n" % reply)
    else:
        between.feed("b", b"RMSG B %b 3\r\nyes\r\n" % reply)
    assert between.output("h") == b"RMSG $G inbox 3\r\nyes\r\n"
    assert between.output("g") == b""


def test_a_publisher_s_prepared_deliveries_follow(between: World) -> None:
    """Other clusters come to want what is published again and again, and then do not."""
    link = between.peers["g"].link
    lines = 3 * b"PUB x 2\r\nhi\r\n"
    between.feed("a", b"SUB x 1\r\n")
    assert publish(between, lines) == {"a": 3 * b"MSG x 1 2\r\nhi\r\n"}
    hears(link, b"x")
    assert publish(between, lines)["g"] == 3 * b"RMSG $G x 2\r\nhi\r\n"
    link.unhear("$G", b"x", b"", b"")
    assert publish(between, lines) == {"a": 3 * b"MSG x 1 2\r\nhi\r\n"}
    link.peer = ServerPeer(presumed=lambda account, subject: True)
    assert publish(between, lines)["g"] == 3 * b"RMSG $G x 2\r\nhi\r\n"
    use(between)
    assert publish(between, lines) == {"a": 3 * b"MSG x 1 2\r\nhi\r\n"}

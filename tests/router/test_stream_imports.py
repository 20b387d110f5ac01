"""Streams of other accounts: who hears them, as what, and for how long."""

from __future__ import annotations

import pytest

from pubsub.interfaces import LinkOptions, PeerKind, ServiceRoute, SubscriptionInfo
from tests.router.importing import Interest, Prefix, Streams
from tests.router.recording import QUIET, World

EVENT = b"PUB events.x 2\r\nhi\r\n"

#: Account A hears ``events.>`` of B, and knows it as ``from.B.events.>``.
SAME = {b"events.>": [("B", b"events.>")]}
RENAMED = {b"from.B.events.>": [("B", b"events.>", Prefix(b"from.B."))]}


@pytest.fixture
def accounts(world: World) -> World:
    """Peer ``a`` in account A, peer ``b`` in account B."""
    world.attach("a", account="A")
    world.attach("b", account="B")
    return world


# --- hearing ----------------------------------------------------------------------------


def test_a_stream_is_heard_under_its_own_name(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("a", b"SUB events.> 1\r\n")
    accounts.feed("b", EVENT * 2)
    assert accounts.output("a") == b"MSG events.x 1 2\r\nhi\r\n" * 2
    assert accounts.output("b") == b""


def test_a_stream_is_heard_under_another_name(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(RENAMED))
    accounts.feed("a", b"SUB from.B.events.> 1\r\n")
    accounts.feed("b", EVENT * 2 + b"PUB events.y r 0\r\n\r\n")
    first = b"MSG from.B.events.x 1 2\r\nhi\r\n"
    assert accounts.output("a") == first * 2 + b"MSG from.B.events.y 1 r 0\r\n\r\n"


def test_the_road_leads_one_way(accounts: World) -> None:
    """What A publishes stays in A, even if it has the stream's name."""
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("a", b"SUB events.> 1\r\n")
    accounts.feed("b", b"SUB events.> 1\r\n")
    assert accounts.feed("a", EVENT) == b"MSG events.x 1 2\r\nhi\r\n"
    assert accounts.output("b") == b""


def test_what_means_nothing_elsewhere_stays_at_home(accounts: World) -> None:
    streams = Streams(SAME)
    accounts.router.set_stream_imports("A", streams)
    accounts.feed("a", b"SUB other 1\r\nSUB events.> 2\r\n")
    accounts.feed("b", b"SUB events.> 1\r\n")
    assert streams.asked == [b"other", b"events.>"], "B imports nothing"
    accounts.feed("b", b"PUB other 0\r\n\r\n")
    assert accounts.output("a") == b""


def test_one_subscription_may_hear_several_accounts(accounts: World) -> None:
    accounts.attach("c", account="C")
    table = {b"all.>": [("B", b"b.>", Prefix(b"all.")), ("C", b"c.>", Prefix(b"all."))]}
    accounts.router.set_stream_imports("A", Streams(table))
    accounts.feed("a", b"SUB all.> 1\r\n")
    accounts.feed("b", b"PUB b.1 0\r\n\r\n")
    accounts.feed("c", b"PUB c.1 0\r\n\r\n")
    assert accounts.output("a") == b"MSG all.b.1 1 0\r\n\r\nMSG all.c.1 1 0\r\n\r\n"
    assert accounts.peers["a"].link.counters().subscriptions == 1


def test_headers_come_along(accounts: World) -> None:
    accounts.attach("old", LinkOptions(headers=False, verbose=False), account="A")
    accounts.router.set_stream_imports("A", Streams(RENAMED))
    for name in ("a", "old"):
        accounts.feed(name, b"SUB from.B.events.> 1\r\n")
    for _ in range(2):
        accounts.feed("b", b"HPUB events.x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    frame = b"HMSG from.B.events.x 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
    assert accounts.output("a") == frame * 2
    assert accounts.output("old") == b"MSG from.B.events.x 1 2\r\nhi\r\n" * 2


def test_deliveries_keep_the_order_of_subscribing(accounts: World) -> None:
    """A shadow comes right behind its subscription, before any later one."""
    accounts.attach("a2", account="A", kind=PeerKind.INTERNAL)
    accounts.attach("b2", account="B", kind=PeerKind.INTERNAL)
    accounts.attach("b3", account="B", kind=PeerKind.INTERNAL)
    accounts.router.set_stream_imports("A", Streams(SAME))
    for name in ("b2", "a2", "b3"):
        assert accounts.peers[name].link.subscribe(b"events.>", b"", b"1")
    accounts.feed("b", EVENT)
    assert [call[0] for call in accounts.calls()] == ["b2", "a2", "b3"]


def test_members_of_a_group_are_members_over_there(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(RENAMED))
    accounts.feed("a", b"SUB from.B.events.> q 1\r\n")
    accounts.feed("b", b"SUB events.> q 2\r\n" + EVENT * 40)
    ours, theirs = accounts.output("a"), accounts.output("b")
    frames = ours.count(b"MSG from.B.events.x 1 2\r\n"), theirs.count(b"MSG events.x 2 2\r\n")
    assert sum(frames) == 40
    assert min(frames) > 5


@pytest.mark.parametrize("kind", [PeerKind.LEAF, PeerKind.INTERNAL, PeerKind.SINK])
def test_other_kinds_of_peer_import_too(accounts: World, kind: PeerKind) -> None:
    link = accounts.attach("x", account="A", kind=kind)
    accounts.router.set_stream_imports("A", Streams(SAME))
    assert link.subscribe(b"events.>", b"", b"1")
    accounts.feed("b", EVENT)
    accounts.router.flush()
    assert link.counters().out_msgs == 1


@pytest.mark.parametrize("kind", [PeerKind.ROUTE, PeerKind.GATEWAY])
def test_other_servers_import_for_themselves(accounts: World, kind: PeerKind) -> None:
    link = accounts.attach("x", account="A", kind=kind)
    streams = Streams(SAME)
    accounts.router.set_stream_imports("A", streams)
    assert link.subscribe(b"events.>", b"", b"1")
    assert streams.asked == []
    accounts.router.set_stream_imports("A", streams)
    assert streams.asked == []


def test_what_the_server_publishes_is_heard(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(RENAMED))
    accounts.feed("a", b"SUB from.B.events.> 1\r\n")
    assert accounts.router.publish("B", b"events.x", b"", b"", b"hi") == 1
    assert accounts.output("a") == b"MSG from.B.events.x 1 2\r\nhi\r\n"


def test_a_mapper_that_changes_its_mind_is_asked_each_time(accounts: World) -> None:
    mapper = Prefix(b"p.", always=False)
    accounts.router.set_stream_imports("A", Streams({b"p.>": [("B", b"events.>", mapper)]}))
    accounts.feed("a", b"SUB p.> 1\r\n")
    accounts.feed("b", EVENT)
    mapper.prefix = b"p.q."
    accounts.feed("b", EVENT)
    assert accounts.output("a") == b"MSG p.events.x 1 2\r\nhi\r\nMSG p.q.events.x 1 2\r\nhi\r\n"
    assert mapper.asked == [b"events.x"] * 2


def test_a_mapper_that_does_not_is_asked_once(accounts: World) -> None:
    mapper = Prefix(b"p.")
    accounts.router.set_stream_imports("A", Streams({b"p.>": [("B", b"events.>", mapper)]}))
    accounts.feed("a", b"SUB p.> 1\r\n")
    for _ in range(3):
        accounts.feed("b", EVENT * 3)
    assert mapper.asked == [b"events.x"]


# --- permissions, echo, limits ----------------------------------------------------------


def test_the_permission_to_hear_is_about_the_name_here(accounts: World) -> None:
    asked: list[tuple[bytes, bytes]] = []

    def may(subject: bytes, queue: bytes) -> bool:
        asked.append((subject, queue))
        return subject != b"from.B.events.secret"

    accounts.peers["a"].link.set_permissions(None, None, may)
    accounts.router.set_stream_imports("A", Streams(RENAMED))
    accounts.feed("a", b"SUB from.B.events.> q 1\r\n")
    accounts.feed("b", b"PUB events.secret 0\r\n\r\n" + EVENT)
    assert accounts.output("a") == b"MSG from.B.events.x 1 2\r\nhi\r\n"
    assert asked == [(b"from.B.events.secret", b"q"), (b"from.B.events.x", b"q")]


def test_shadows_are_no_subscriptions_of_their_own(accounts: World) -> None:
    link = accounts.peers["a"].link
    link.options = LinkOptions(verbose=False, max_subscriptions=1)
    accounts.router.set_stream_imports("A", Streams(SAME))
    assert accounts.feed("a", b"SUB events.> 1\r\n") == b""
    listed = [SubscriptionInfo("A", 1, b"1", b"events.>", b"", 0, 0)]
    assert list(link.subscriptions()) == listed
    assert list(accounts.router.subscriptions()) == listed
    assert link.counters().subscriptions == 1
    assert b"maximum subscriptions" in accounts.feed("a", b"SUB other 2\r\n")


def test_changes_of_a_link_reach_what_was_prepared_elsewhere(accounts: World) -> None:
    """Deliveries are prepared by account: a link's doings concern every one it hears."""
    link = accounts.peers["a"].link
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("a", b"SUB events.> 1\r\n")
    accounts.feed("b", EVENT * 2)
    accounts.output("a")
    link.set_permissions(None, None, lambda subject, queue: False)
    accounts.feed("b", EVENT * 2)
    assert accounts.output("a") == b""
    link.set_permissions(None, None, None)
    link.trace = True
    accounts.feed("b", EVENT)
    assert accounts.calls() == [
        ("a", "traced", "out", "MSG", b"events.x 1 2"),
        ("a", "traced", "out", "MSG_PAYLOAD", b"hi"),
    ]
    link.trace = False
    accounts.output("a")
    accounts.feed("b", b"HPUB events.x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    link.options = LinkOptions(headers=False, verbose=False)
    accounts.feed("b", b"HPUB events.x 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    assert accounts.output("a").endswith(b"MSG events.x 1 2\r\nhi\r\n")
    link.close()
    accounts.feed("b", EVENT * 2)
    assert accounts.output("a") == b""


# --- coming and going -------------------------------------------------------------------


@pytest.mark.parametrize("how", ["unsubscribe", "clear", "close", "move"])
def test_shadows_go_with_their_subscription(accounts: World, how: str) -> None:
    link = accounts.peers["a"].link
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("a", b"SUB events.> 1\r\n")
    accounts.feed("b", EVENT)
    accounts.output("a")
    if how == "unsubscribe":
        accounts.feed("a", b"UNSUB 1\r\n")
    elif how == "clear":
        link.clear_subscriptions()
    elif how == "close":
        link.close()
    else:
        link.account = "C"
    assert list(accounts.router.matching("B", b"events.x")) == []
    stats = accounts.router.stats()
    assert (stats["num_subscriptions"], stats["num_inserts"], stats["num_removes"]) == (0, 2, 2)
    accounts.feed("b", EVENT)
    assert accounts.output("a") == b""


def test_a_maximum_counts_what_comes_from_everywhere(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("a", b"SUB events.> 1\r\nUNSUB 1 3\r\n")
    accounts.feed("b", EVENT)
    accounts.feed("a", EVENT)
    infos = [*accounts.router.subscriptions(), *accounts.router.matching("B", b"events.x")]
    assert [(info.account, info.delivered, info.max) for info in infos] == [
        ("A", 2, 3),
        ("B", 2, 3),
    ]
    accounts.feed("b", EVENT * 2)
    accounts.feed("a", EVENT)
    assert accounts.output("a") == b"MSG events.x 1 2\r\nhi\r\n" * 3
    assert accounts.router.stats()["num_subscriptions"] == 0


def test_a_maximum_that_was_reached_elsewhere_ends_it_at_once(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("a", b"SUB events.> 1\r\n")
    accounts.feed("b", EVENT * 2)
    accounts.feed("a", b"UNSUB 1 2\r\n")
    assert list(accounts.router.subscriptions()) == []
    assert list(accounts.router.matching("B", b"events.x")) == []


def test_the_shadow_that_reaches_the_maximum_ends_its_subscription(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(RENAMED))
    link = accounts.peers["a"].link
    accounts.feed("a", b"SUB from.B.events.> 1\r\nUNSUB 1 1\r\n")
    link.trace = True
    accounts.feed("b", EVENT * 3)
    assert accounts.output("a") == b"MSG from.B.events.x 1 2\r\nhi\r\n"
    assert ("a", "traced", "both", "DELSUB", b"1") in accounts.calls()
    assert list(link.subscriptions()) == []


def test_what_exists_is_asked_about_anew(accounts: World) -> None:
    accounts.attach("a0", account="A")
    for name in ("a", "a0"):
        accounts.feed(name, b"SUB other 1\r\nSUB events.> 2\r\n")
    streams = Streams(SAME)
    accounts.router.set_stream_imports("A", streams)
    assert streams.asked == [b"other", b"events.>"] * 2
    accounts.feed("b", EVENT)
    assert accounts.output("a") == accounts.output("a0") == b"MSG events.x 2 2\r\nhi\r\n"
    renamed = Streams({b"events.>": [("B", b"events.>", Prefix(b"new."))]})
    accounts.router.set_stream_imports("A", renamed)
    accounts.feed("b", EVENT)
    assert accounts.output("a") == b"MSG new.events.x 2 2\r\nhi\r\n"
    accounts.router.set_stream_imports("A", None)
    accounts.feed("b", EVENT)
    assert accounts.output("a") == b""
    assert list(accounts.router.matching("B", b"events.x")) == []


def test_a_new_shadow_keeps_the_maximum(accounts: World) -> None:
    accounts.feed("a", b"SUB events.> 1\r\nUNSUB 1 2\r\n")
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("b", EVENT * 5)
    assert accounts.output("a") == b"MSG events.x 1 2\r\nhi\r\n" * 2


def test_a_reader_that_leaves_during_a_delivery(accounts: World) -> None:
    """The first reader closes the second, which only has a shadow where the message is."""
    x = accounts.attach("x", account="B", kind=PeerKind.INTERNAL)
    x.subscribe(b"events.>", b"", b"1")
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("a", b"SUB events.> 1\r\n")
    accounts.peers["x"].on["message_received"] = lambda *message: accounts.peers["a"].link.close()
    accounts.feed("b", EVENT * 2)
    assert accounts.output("a") == b""


# --- what is told and listed ------------------------------------------------------------


def test_who_would_hear_a_stream(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(RENAMED))
    accounts.feed("a", b"SUB from.B.events.> q 7\r\n")
    accounts.feed("b", b"SUB events.x 8\r\n")
    assert list(accounts.router.matching("B", b"events.x")) == [
        SubscriptionInfo("B", 1, b"7", b"events.>", b"q", 0, 0),
        SubscriptionInfo("B", 2, b"8", b"events.x", b"", 0, 0),
    ]
    assert list(accounts.router.matching("A", b"events.x")) == []


def test_interest_in_a_stream_is_that_of_its_account(accounts: World) -> None:
    listener = Interest()
    accounts.router.add_interest_listener(listener)
    accounts.router.set_stream_imports("A", Streams(RENAMED))
    accounts.feed("a", b"SUB from.B.events.> 1\r\nSUB from.B.events.> q 2\r\n")
    accounts.feed("b", b"SUB events.> 1\r\n")
    here, there = ("A", b"from.B.events.>"), ("B", b"events.>")
    assert listener.told == [
        (*here, b"", 1),
        (*there, b"", 1),
        (*here, b"q", 1),
        (*there, b"q", 1),
    ]
    listener.told.clear()
    accounts.feed("a", b"UNSUB 1\r\nUNSUB 2\r\n")
    assert sorted(listener.told) == [(*here, b"", 0), (*here, b"q", 0), (*there, b"q", 0)]


def test_counters_of_both_accounts(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams(SAME))
    accounts.feed("a", b"SUB events.> 1\r\n")
    accounts.feed("b", EVENT * 3)
    assert tuple(accounts.router.account_counters("A")) == (0, 0, 3, 6)
    assert tuple(accounts.router.account_counters("B")) == (3, 6, 0, 0)
    stats = accounts.router.stats()
    assert (stats["num_subscriptions"], stats["num_matches"]) == (2, 3)


def test_a_hundred_readers_of_one_stream(accounts: World) -> None:
    mapper = Prefix(b"p.")
    accounts.router.set_stream_imports("A", Streams({b"p.>": [("B", b"events.>", mapper)]}))
    for number in range(100):
        accounts.attach(f"r{number}", QUIET, account="A")
        accounts.feed(f"r{number}", b"SUB p.> %d\r\n" % number)
    accounts.feed("b", EVENT * 2)
    accounts.feed("b", EVENT * 2)
    for number in range(100):
        assert accounts.output(f"r{number}") == b"MSG p.events.x %d 2\r\nhi\r\n" % number * 4
    assert mapper.asked == [b"events.x"], "they share what the mapper said"


# --- wrong or twisted -------------------------------------------------------------------


@pytest.mark.parametrize("subject", [b"", b"a..b", b".a", b"a.", b">.a"])
def test_a_stream_needs_a_subject(accounts: World, subject: bytes) -> None:
    accounts.feed("a", b"SUB events.> 1\r\n")
    with pytest.raises(ValueError, match="no subject"):
        accounts.router.set_stream_imports("A", Streams({b"events.>": [("B", subject)]}))


def test_accounts_may_import_from_each_other(accounts: World) -> None:
    accounts.router.set_stream_imports("A", Streams({b"e": [("B", b"e")]}))
    accounts.router.set_stream_imports("B", Streams({b"e": [("A", b"e")]}))
    for name in ("a", "b"):
        accounts.feed(name, b"SUB e 1\r\n")
    for name in ("a", "b"):
        accounts.feed(name, b"PUB e 0\r\n\r\n")
        assert accounts.output("a") == accounts.output("b") == b"MSG e 1 0\r\n\r\n"


def test_a_stream_of_a_stream_is_no_stream(accounts: World) -> None:
    """C imports from B what B imports from A: C hears what B publishes, no more."""
    accounts.attach("c", account="C")
    accounts.router.set_stream_imports("B", Streams({b"e": [("A", b"e")]}))
    accounts.router.set_stream_imports("C", Streams({b"e": [("B", b"e")]}))
    for name in ("b", "c"):
        accounts.feed(name, b"SUB e 1\r\n")
    accounts.feed("a", b"PUB e 1\r\nA\r\n")
    accounts.feed("b", b"PUB e 1\r\nB\r\n")
    assert accounts.output("b") == b"MSG e 1 1\r\nA\r\nMSG e 1 1\r\nB\r\n"
    assert accounts.output("c") == b"MSG e 1 1\r\nB\r\n"


def test_a_service_request_is_not_exported_as_a_stream(accounts: World) -> None:
    """As nats-server: what was imported as a service is not exported again (processMsgResults)."""
    accounts.attach("c", account="C")
    accounts.router.set_stream_imports("C", Streams({b"svc": [("B", b"svc")]}))
    accounts.router.set_service_imports("A", [ServiceRoute(b"svc", "B")])
    accounts.feed("c", b"SUB svc 1\r\n")
    accounts.feed("b", b"SUB svc 1\r\n")
    accounts.feed("a", b"PUB svc 0\r\n\r\n")
    assert accounts.output("c") == b""
    accounts.feed("b", b"PUB svc 0\r\n\r\n")
    assert accounts.output("c") == b"MSG svc 1 0\r\n\r\n"

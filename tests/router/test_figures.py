"""Counters, lists of subscriptions, and the figures of /subsz."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pubsub.interfaces import LinkOptions, PeerKind, RouterSettings, SubscriptionInfo
from tests.router.recording import World
from tests.router.serving import gateway, hears, leaf, route, use

HELLO = b"PUB foo 2\r\nhi\r\n"


def test_what_a_link_has_done(world: World) -> None:
    link = world.attach("a")
    assert tuple(link.counters()) == (0, 0, 0, 0, 0, 0, 0)
    link.feed(b"SUB foo 1\r\nSUB * 2\r\n" + HELLO * 3)
    pending = len(b"MSG foo 1 2\r\nhi\r\n") * 6
    assert tuple(link.counters()) == (3, 6, 6, 12, pending, 2, 0)
    link.close()
    assert tuple(link.counters()) == (3, 6, 6, 12, pending, 0, 0)


def test_what_an_account_has_done_gone_links_included(world: World) -> None:
    world.attach("a", account="X")
    world.attach("b", account="Y")
    world.feed("a", b"SUB foo 1\r\n" + HELLO)
    world.feed("b", HELLO)
    world.peers["a"].link.close()
    world.attach("c", account="X")
    world.feed("c", HELLO)
    assert tuple(world.router.account_counters("X")) == (2, 4, 1, 2)
    assert tuple(world.router.account_counters("Y")) == (1, 2, 0, 0)
    assert tuple(world.router.account_counters("nobody")) == (0, 0, 0, 0)
    assert tuple(world.router.counters()) == (3, 6, 1, 2)
    assert list(world.router.accounts()) == ["X", "Y"]


KINDS = [PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF]


def linked(world: World, account: str = "$G") -> list[tuple[int, ...]]:
    """What was brought by routes, gateways and leafs, and sent to them."""
    return [tuple(world.router.linked_counters(account, kind)) for kind in KINDS]


def test_what_other_servers_have_brought_and_got_is_known_by_account_and_kind(
    world: World,
) -> None:
    """Also what is only passed on, or wanted by nobody; the clients' figures stay theirs."""
    route(world, "r")
    gateway(world, "g")
    leaf(world, "l")
    leaf(world, "x", account="X")
    use(world, "g")
    world.attach("a")
    for name in "rgl":
        hears(world.peers[name].link, b"far")
    hears(world.peers["r"].link, b"far", account="X")
    world.feed("a", b"PUB far 2\r\nhi\r\nPUB far 2\r\nho\r\nPUB near 1\r\nx\r\n")
    assert linked(world) == [(0, 0, 2, 4)] * 3
    world.feed("l", b"LMSG far 3\r\nhey\r\n" * 2 + b"LMSG near 3\r\nhey\r\n")
    assert linked(world) == [(0, 0, 4, 10), (0, 0, 4, 10), (3, 9, 2, 4)]
    world.feed("r", b"RMSG $G far 4\r\nwell\r\n" * 2 + b"RMSG X near 1\r\nx\r\n")
    world.feed("g", b"RMSG $G far 5\r\nreply\r\n" * 2)
    assert linked(world) == [(2, 8, 6, 20), (2, 10, 4, 10), (3, 9, 6, 22)]
    world.feed("x", b"LMSG far 1\r\nx\r\n")
    assert linked(world, "X") == [(1, 1, 1, 1), (0, 0, 0, 0), (1, 1, 0, 0)]
    assert linked(world, "nobody") == [(0, 0, 0, 0)] * 3
    assert tuple(world.router.account_counters("$G")) == (3, 5, 0, 0)
    for name in "rglx":
        world.peers[name].link.close()
    assert linked(world) == [(2, 8, 6, 20), (2, 10, 4, 10), (3, 9, 6, 22)]


def test_headers_that_are_stripped_are_not_counted(world: World) -> None:
    link = route(world, "r")
    link.peer = replace(link.peer, headers=False)
    hears(link, b"far")
    world.attach("a").options = LinkOptions(headers=True)
    world.feed("a", b"HPUB far 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
    assert linked(world)[0] == (0, 0, 1, 2)


@pytest.mark.parametrize("kind", set(PeerKind) - set(KINDS))
def test_links_of_other_kinds_are_not_to_servers(world: World, kind: PeerKind) -> None:
    world.attach("a")
    with pytest.raises(ValueError, match="no kind of link to a server"):
        world.router.linked_counters("$G", kind)


def test_subscriptions_are_listed_by_link_and_age(world: World) -> None:
    world.attach("a", account="X")
    world.attach("b", account="Y")
    world.feed("b", b"SUB one 1\r\n")
    world.feed("a", b"SUB two 1\r\nSUB three q 2\r\n")
    one = SubscriptionInfo("Y", 2, b"1", b"one", b"", 0, 0)
    two = SubscriptionInfo("X", 1, b"1", b"two", b"", 0, 0)
    three = SubscriptionInfo("X", 1, b"2", b"three", b"q", 0, 0)
    assert list(world.router.subscriptions()) == [two, three, one]
    assert list(world.router.subscriptions("X")) == [two, three]
    assert list(world.router.subscriptions("nobody")) == []


def test_who_would_hear_a_subject(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB foo q 1\r\nSUB * 2\r\nSUB foo 3\r\nSUB > q 4\r\nSUB bar 5\r\n")
    assert [sub.sid for sub in world.router.matching("$G", b"foo")] == [b"1", b"2", b"3", b"4"]
    assert list(world.router.matching("$G", b"foo..")) == []
    assert list(world.router.matching("nobody", b"foo")) == []


def test_the_figures_of_subsz(world: World) -> None:
    world.attach("a")
    assert dict(world.router.stats()) == {
        "num_subscriptions": 0,
        "num_cache": 0,
        "num_inserts": 0,
        "num_removes": 0,
        "num_matches": 0,
        "cache_hit_rate": 0.0,
        "max_fanout": 0,
        "avg_fanout": 0.0,
    }
    world.feed("a", b"SUB foo 1\r\nSUB foo q 2\r\nSUB foo q 3\r\nSUB bar 4\r\nUNSUB 4\r\n")
    world.feed("a", HELLO)
    world.feed("a", HELLO * 3)
    world.feed("a", HELLO * 4)
    stats = world.router.stats()
    assert stats["num_subscriptions"] == 3
    assert stats["num_inserts"] == 4
    assert stats["num_removes"] == 1
    assert stats["num_matches"] == 8
    assert 0.5 <= stats["cache_hit_rate"] <= 1.0
    assert stats["num_cache"] == 1
    assert stats["max_fanout"] == 2
    assert stats["avg_fanout"] == 2.0


def test_figures_are_added_up_over_accounts(world: World) -> None:
    for name in ("a", "b"):
        world.attach(name, account=name)
        world.feed(name, b"SUB foo 1\r\n")
        world.feed(name, HELLO * 2)
    world.feed("b", b"SUB foo 2\r\n")
    world.feed("b", HELLO * 2)
    stats = world.router.stats()
    assert stats["num_subscriptions"] == 3
    assert stats["num_matches"] == 6
    assert stats["num_cache"] == 2
    assert stats["max_fanout"] == 2
    assert stats["avg_fanout"] == 1.5


def test_without_a_cache_every_match_is_new(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB foo 1\r\n" + HELLO * 3)
    world.router.settings = RouterSettings(seed=1, cache=False)
    hits = world.router.stats()["cache_hit_rate"] * 3
    world.output("a")
    assert world.feed("a", HELLO * 3) == b"MSG foo 1 2\r\nhi\r\n" * 3
    stats = world.router.stats()
    assert stats["num_matches"] == 6
    assert stats["num_cache"] == 0
    assert round(stats["cache_hit_rate"] * 6) == round(hits)


def test_one_shot_subjects_do_not_flood_the_cache(world: World) -> None:
    world.attach("a")
    world.feed("a", b"SUB steady 1\r\n")
    world.feed("a", b"PUB steady 0\r\n\r\n" * 3)
    for at in range(12000):
        world.peers["a"].link.feed(b"PUB _INBOX.x.%d 0\r\n\r\n" % at)
    before = world.router.stats()
    assert before["num_cache"] <= 10000
    world.output("a")
    assert world.feed("a", b"PUB steady 0\r\n\r\n") == b"MSG steady 1 0\r\n\r\n"
    after = world.router.stats()
    hits = after["cache_hit_rate"] * after["num_matches"]
    assert round(hits - before["cache_hit_rate"] * before["num_matches"]) == 1


def test_subjects_that_come_in_turn_are_all_kept(world: World) -> None:
    """However few of them are remembered to have come once: none keeps another out for ever."""
    world.attach("a")
    world.feed("a", b"SUB wild.* 1\r\n")
    turn = b"".join(b"PUB wild.%d 0\r\n\r\n" % at for at in range(4000))
    hits, turns = 0.0, 0
    while hits < 4000:
        before = world.router.stats()
        world.peers["a"].link.feed(turn)
        world.output("a")
        after = world.router.stats()
        hits = round(
            after["cache_hit_rate"] * after["num_matches"]
            - before["cache_hit_rate"] * before["num_matches"]
        )
        turns += 1
        assert turns < 100


def test_times_of_activity(world: World) -> None:
    link = world.attach("a")
    start = link.last_activity
    assert start > 1_600_000_000.0
    for data in (HELLO, b"SUB foo 1\r\n", b"UNSUB 1\r\n"):
        world.feed("a", data)
        assert link.last_activity == link.last_input >= start
    active = link.last_activity
    world.feed("a", b"PING\r\nPONG\r\n")
    assert link.last_activity == active
    assert link.last_input >= active

"""What leaf nodes and hubs are told that a server wants to hear."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from pubsub.cluster.leafs.interest import LeafInterest
from pubsub.cluster.leafs.permissions import LeafPermissions, as_accepted
from pubsub.interfaces import ISubscriptionListener, PeerKind, ServerPeer
from pubsub.values.identity import Permissions


class Link:
    """A link, as far as interest goes."""

    def __init__(self, kind: PeerKind, peer: ServerPeer | None = None) -> None:
        self.kind = kind
        self.peer = peer or ServerPeer()


class Leaf:
    """A leaf node or hub that remembers what it was told."""

    def __init__(self, *, spoke: bool = False, isolated: bool = False, cluster: str = "") -> None:
        self.spoke = spoke
        self.isolated = isolated
        self.remote_cluster = cluster.encode()
        self.permissions = LeafPermissions()
        self.link: Any = Link(PeerKind.LEAF, ServerPeer(spoke=spoke, origin=cluster))
        self.lines: list[bytes] = []

    def tell(self, line: bytes) -> None:
        self.lines += line.splitlines()

    def told(self) -> list[bytes]:
        """Since the last call, without what finds loops of our own."""
        lines, self.lines = self.lines, []
        return [line for line in lines if not line.startswith(b"LS+ $LDS.") or b"theirs" in line]


CLIENT, ROUTE = Link(PeerKind.CLIENT), Link(PeerKind.ROUTE)


def interest(*fixed: bytes) -> LeafInterest:
    return LeafInterest(lambda account: fixed)


def change(
    told: LeafInterest, link: Any, subject: bytes, n: int, queue: bytes = b"", origin: bytes = b""
) -> None:
    told.subscription_changed(link, "A", subject, queue, n, origin)


def test_it_listens_to_the_router() -> None:
    assert verifyObject(ISubscriptionListener, interest())


def test_subscriptions_on_one_subject_are_told_once() -> None:
    told, leaf = interest(), Leaf()
    told.join(leaf, "A")
    assert leaf.lines == [b"LS+ " + told.loop_subject("A")]
    leaf.told()
    for n in (1, 1, -1):
        change(told, CLIENT, b"s", n)
    assert leaf.told() == [b"LS+ s"]
    change(told, CLIENT, b"s", -1)
    assert leaf.told() == [b"LS- s"]


def test_each_member_of_a_queue_group_is_told() -> None:
    told, leaf = interest(), Leaf()
    told.join(leaf, "A")
    leaf.told()
    change(told, CLIENT, b"s", 1, b"q")
    change(told, ROUTE, b"s", 5, b"q")
    change(told, ROUTE, b"s", -5, b"q")
    change(told, CLIENT, b"s", -1, b"q")
    assert leaf.told() == [b"LS+ s q 1", b"LS+ s q 6", b"LS+ s q 1", b"LS- s q"]


def test_who_is_told_of_whom() -> None:
    sources = {
        "client": CLIENT,
        "answers": None,
        "route": ROUTE,
        "gateway": Link(PeerKind.GATEWAY),
        "leaf": Link(PeerKind.LEAF),
        "hub": Link(PeerKind.LEAF, ServerPeer(spoke=True)),
    }
    expected = {
        "spoke": {"client", "answers", "route", "gateway", "leaf", "hub"},
        "isolated": {"client", "answers", "route", "gateway"},
        "hub": {"client", "answers", "leaf"},
    }
    audience = {"spoke": Leaf(), "isolated": Leaf(isolated=True), "hub": Leaf(spoke=True)}
    for later in (False, True):
        told = interest()
        if later:
            for leaf in audience.values():
                told.join(leaf, "A")
        for name, link in sources.items():
            change(told, link, name.encode(), 1)
        if not later:
            for leaf in audience.values():
                told.join(leaf, "A")
        for name, leaf in audience.items():
            assert {line[4:].decode() for line in leaf.told()} == expected[name], (name, later)


def test_interest_does_not_go_back_to_where_it_came_from() -> None:
    told, one, same, other = interest(), Leaf(cluster="C"), Leaf(cluster="C"), Leaf(cluster="D")
    for leaf in (one, same, other):
        told.join(leaf, "A")
        leaf.told()
    change(told, one.link, b"s", 1, origin=b"C")
    change(told, ROUTE, b"t", 1, origin=b"C")
    assert (one.told(), same.told(), other.told()) == ([], [], [b"LS+ s", b"LS+ t"])


def test_what_finds_loops_goes_where_nothing_else_does() -> None:
    told, hub = interest(), Leaf(spoke=True)
    told.join(hub, "A")
    hub.told()
    change(told, ROUTE, b"$LDS.theirs", 1)
    assert hub.told() == [b"LS+ $LDS.theirs"]


def test_services_and_mappings_are_told_and_taken_back() -> None:
    subjects = [b"svc"]
    told, leaf = LeafInterest(lambda account: tuple(subjects)), Leaf()
    told.join(leaf, "A")
    assert leaf.told() == [b"LS+ svc"]
    subjects[:] = [b"other"]
    told.account_changed("A")
    assert sorted(leaf.told()) == [b"LS+ other", b"LS- svc"]
    change(told, CLIENT, b"other", 1)
    assert leaf.told() == []


def test_only_what_may_be_told_is() -> None:
    told, leaf = interest(), Leaf()
    leaf.permissions = as_accepted(Permissions(publish_allow=("a",)), ())
    change(told, CLIENT, b"a", 1)
    change(told, CLIENT, b"b", 1)
    told.join(leaf, "A")
    change(told, CLIENT, b"c", 1)
    change(told, CLIENT, b"c", -1)
    assert leaf.told() == [b"LS+ a"]


def test_who_has_left_is_told_nothing() -> None:
    told, leaf = interest(), Leaf()
    told.join(leaf, "A")
    told.leave(leaf, "A")
    leaf.told()
    change(told, CLIENT, b"s", 1)
    told.account_changed("A")
    told.permissions_changed(leaf, "A")
    assert leaf.told() == []
    assert told.leafs("A") == []


SOURCES = [CLIENT, ROUTE, Link(PeerKind.LEAF), Link(PeerKind.LEAF, ServerPeer(spoke=True))]
STEPS = st.lists(
    st.tuples(
        st.integers(0, len(SOURCES) - 1),
        st.sampled_from([b"a", b"b"]),
        st.sampled_from([b"", b"q"]),
        st.integers(-2, 3),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(STEPS, st.booleans(), st.booleans(), st.integers(0, 30))
def test_what_was_told_is_always_what_there_is(
    steps: list[tuple[int, bytes, bytes, int]], spoke: bool, isolated: bool, joins: int
) -> None:
    """Whoever reads the lines knows what somebody knows who joins now."""
    told, leaf = interest(), Leaf(spoke=spoke, isolated=isolated)
    counts: dict[tuple[int, bytes, bytes], int] = {}
    for number, (source, subject, queue, wanted) in enumerate(steps):
        if number == joins:
            told.join(leaf, "A")
        before = counts.get((source, subject, queue), 0)
        step = max(wanted, -before)
        if step:
            counts[source, subject, queue] = before + step
            change(told, SOURCES[source], subject, step, queue)
    if joins >= len(steps):
        told.join(leaf, "A")
    known: dict[bytes, bytes] = {}
    for line in leaf.lines:
        verb, *words = line.split()
        key = b" ".join(words[:2])
        if verb == b"LS+":
            known[key] = words[2] if len(words) == 3 else b""
        else:
            del known[key]
    fresh = Leaf(spoke=spoke, isolated=isolated)
    told.leave(leaf, "A")
    told.join(fresh, "A")
    truth = {b" ".join(w[1:3]): w[3] if len(w) == 4 else b"" for w in map(bytes.split, fresh.lines)}
    assert known == truth

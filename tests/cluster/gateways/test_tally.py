"""How much of what is wanted here."""

from __future__ import annotations

from typing import Any

import pytest
from zope.interface.verify import verifyObject

from pubsub.cluster.gateways.tally import Tally
from pubsub.interfaces import ILink, ISubscriptionListener, PeerKind, ServerPeer


class Link:
    """Whose subscription it is."""

    def __init__(self, kind: PeerKind, *, spoke: bool = False) -> None:
        self.kind = kind
        self.peer = ServerPeer(spoke=spoke)


@pytest.fixture
def told() -> list[Any]:
    """What was told."""
    return []


@pytest.fixture
def tally(told: list[Any]) -> Tally:
    """One that says what it tells."""
    made = Tally()
    made.coming = lambda account: told.append(account)
    made.changed = lambda *news: told.append(news)
    return made


def change(
    tally: Tally,
    number: int,
    subject: bytes = b"foo",
    queue: bytes = b"",
    link: Any = None,
    origin: bytes = b"",
) -> None:
    """So many more or less."""
    wanted: ILink | None = link
    tally.subscription_changed(wanted, "A", subject, queue, number, origin)


def test_it_listens_to_subscriptions() -> None:
    """And may be asked to without anybody to tell."""
    tally = Tally()
    assert verifyObject(ISubscriptionListener, tally)
    change(tally, 1)
    assert list(tally.plain("A")) == [b"foo"]


def test_the_first_and_the_last_are_told(tally: Tally, told: list[Any]) -> None:
    """Of queue groups, too, whatever their weights; where they come from is no matter."""
    change(tally, 1)
    change(tally, 1, origin=b"leafs")
    change(tally, 3, queue=b"q")
    change(tally, 2, queue=b"q")
    assert told == ["A", ("A", b"foo", b"", True), ("A", b"foo", b"q", True)]
    assert tally.accounts() == ["A"]
    assert list(tally.queues("A")) == [(b"foo", b"q")]
    told.clear()
    change(tally, -1)
    change(tally, -4, queue=b"q")
    assert told == []
    change(tally, -1)
    change(tally, -1, queue=b"q")
    assert told == [("A", b"foo", b"", False), ("A", b"foo", b"q", False)]
    assert not tally.wanted("A")


def test_what_was_never_told_is_not_taken_back(tally: Tally, told: list[Any]) -> None:
    """Nor more than was told."""
    change(tally, -1)
    assert told == []
    change(tally, 1)
    change(tally, -5)
    change(tally, 1)
    assert told == [
        "A",
        ("A", b"foo", b"", True),
        ("A", b"foo", b"", False),
        "A",
        ("A", b"foo", b"", True),
    ]


@pytest.mark.parametrize(
    ("link", "counts"),
    [
        (None, True),
        (Link(PeerKind.CLIENT), True),
        (Link(PeerKind.INTERNAL), True),
        (Link(PeerKind.ROUTE), True),
        (Link(PeerKind.LEAF), True),
        (Link(PeerKind.LEAF, spoke=True), False),
        (Link(PeerKind.GATEWAY), False),
    ],
)
def test_what_hubs_and_other_clusters_want_is_not_ours(
    tally: Tally, told: list[Any], link: Link | None, counts: bool
) -> None:
    """What members, clients and leafs want is."""
    change(tally, 1, link=link)
    change(tally, -1, link=link)
    assert bool(told) == counts

"""What other servers want to hear is put into the router, and taken out again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pubsub.interfaces import Permissions
from tests.cluster.network import Network
from tests.cluster.raw import INFO, line, member


def heard(node: object) -> list[tuple[str, bytes, bytes]]:
    """What stands in the router."""
    found = node.router.subscriptions()  # type: ignore[attr-defined]
    return sorted((each.account, each.subject, each.queue) for each in found)


def test_interest_begins_and_ends() -> None:
    node = Network().node("a")
    raw = member(node)
    raw.send(b"RS+ $G foo", b"rs+ $G bar q 3", b"LS+ far B baz", b"RS+ $G foo", b"A+ $G", b"A- $G")
    assert heard(node) == [("$G", b"bar", b"q"), ("$G", b"foo", b""), ("B", b"baz", b"")]
    raw.send(b"RS- $G foo", b"RS- $G bar q", b"LS- far B baz", b"RS- $G never")
    assert heard(node) == []
    assert raw.state is None


def test_all_of_it_ends_with_the_route() -> None:
    node = Network().node("a")
    raw = member(node)
    raw.send(b"RS+ $G foo", b"LS+ far $G foo")
    raw.send(b"-ERR 'bye'")
    assert heard(node) == []


def test_old_servers_do_not_tell_leafs_from_others() -> None:
    """One is remembered, and goes with whichever end is told."""
    node = Network().node("a")
    raw = member(node, lnocu=False)
    raw.send(b"LS+ far $G foo", b"RS+ $G foo")
    assert heard(node) == [("$G", b"foo", b"")]
    raw.send(b"LS- $G foo")
    assert heard(node) == []


def test_bad_subjects_are_refused_but_do_not_close() -> None:
    node = Network().node("a")
    raw = member(node)
    assert raw.send(b"RS+ $G foo..bar") == ["-ERR 'Invalid Subscription'"]
    assert raw.state is None


def test_unknown_accounts_are_ignored() -> None:
    node = Network().node("a")
    node.context.account_known = lambda name: name == "$G"
    raw = member(node)
    raw.send(b"RS+ NOBODY foo", b"RS+ $G foo")
    assert heard(node) == [("$G", b"foo", b"")]


def test_what_may_not_be_exported_is_not_heard() -> None:
    node = Network().node("a", permissions=Permissions(subscribe_allow=("open.*",)))
    raw = member(node)
    raw.send(b"RS+ $G open.a", b"RS+ $G secret")
    assert heard(node) == [("$G", b"open.a", b"")]


@pytest.mark.parametrize("lnocu", [True, False])
def test_what_may_be_exported_no_longer_is_forgotten_whoever_wants_it(lnocu: bool) -> None:
    """Leaf nodes behind the other server, too."""
    node = Network().node("a")
    raw = member(node, lnocu=lnocu)
    raw.send(b"LS+ far $G secret", b"LS+ far $G open.a", b"RS+ $G secret.plain")
    old = node.context.options.cluster
    changed = replace(old, permissions=Permissions(subscribe_allow=("open.*",)))
    node.context.options = replace(node.context.options, cluster=changed)
    node.members.reloaded(old)
    assert heard(node) == [("$G", b"open.a", b"")]


def test_an_account_that_gets_a_connection_of_its_own_is_heard_there() -> None:
    """What the other server wanted in it before is forgotten, for its leaf nodes as well."""
    node = Network().node("a", pool_size=3)
    node.context.account_known = lambda name: name == "A"
    raw = member(node, route_pool_size=3)
    raw.send(b"LS+ far A foo", b"RS+ A bar")
    assert len(heard(node)) == 2
    raw.send(line(b"INFO", INFO, route_account="NOBODY", route_acc_add_reqid="1"))
    assert "NOBODY" not in node.members.dedicated
    raw.send(line(b"INFO", INFO, route_account="A", route_acc_add_reqid="2"))
    assert "A" in node.members.dedicated
    assert heard(node) == []

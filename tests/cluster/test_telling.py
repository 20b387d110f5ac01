"""What we want to hear is told to those who carry it, as far as it may be imported."""

from __future__ import annotations

from dataclasses import replace

from pubsub.config.options import ClusterOptions
from pubsub.interfaces import Permissions
from tests.cluster.network import Network
from tests.cluster.raw import CONNECT, INFO, accepted, line, member


def test_plain_subjects_at_both_ends_queue_groups_at_each_step() -> None:
    node = Network().node("a")
    raw = member(node)
    raw.received()
    one, two = node.client(), node.client()
    one.send("SUB foo 1", "SUB foo 2", "SUB work q 3")
    two.send("SUB work q 1")
    assert raw.received() == ["RS+ $G foo", "RS+ $G work q 1", "RS+ $G work q 2"]
    one.close()
    two.close()
    assert sorted(raw.received()) == ["RS+ $G work q 1", "RS- $G foo", "RS- $G work q"]


def test_interest_goes_before_the_message_that_needs_it() -> None:
    """A request never arrives before the subscription for its answer."""
    node = Network().node("a")
    raw = member(node)
    raw.send(b"RS+ $G service")
    node.client().send("SUB inbox 1", "PUB service inbox 1", "?")
    assert raw.received() == ["RS+ $G inbox", "RMSG $G service inbox 1", "?"]


def test_only_what_may_be_imported_is_told() -> None:
    """Also when that changes."""
    node = Network().node("a", permissions=Permissions(publish_allow=("open.*",)))
    raw = member(node)
    raw.received()
    node.client().send("SUB open.a 1", "SUB shut.a 2")
    assert raw.received() == ["RS+ $G open.a"]
    old = node.context.options.cluster
    changed = replace(old, permissions=Permissions(publish_allow=("shut.*",)))
    node.context.options = replace(node.context.options, cluster=changed)
    node.members.reloaded(old)
    lines = raw.received()
    assert sorted(lines)[1:] == ["RS+ $G shut.a", "RS- $G open.a"]
    assert '"import":{"allow":["shut.*"]}' in sorted(lines)[0]


def test_a_server_that_may_export_more_is_asked_for_more() -> None:
    node = Network().node("a")
    raw = member(node, export={"deny": ["foo"]})
    raw.received()
    node.client().send("SUB foo 1", "SUB bar 2")
    raw.received()
    export = {"deny": ["bar"]}
    assert raw.send(line(b"INFO", INFO, export=export)) == ["RS+ $G foo"]


def test_many_subscriptions_are_told_in_pieces() -> None:
    """Nothing is lost between them."""
    node = Network().node("a")
    node.client().send(*(f"SUB some.longer.subject.{n} {n}" for n in range(5000)))
    raw = accepted(node)
    raw.received()
    told = raw.send(line(b"CONNECT", CONNECT), line(b"INFO", INFO))
    assert sorted(told) == sorted(f"RS+ $G some.longer.subject.{n}" for n in range(5000))


def test_without_other_servers_nothing_is_told() -> None:
    node = Network().node("a")
    node.client().send("SUB foo 1")
    assert node.context.options.cluster == ClusterOptions(
        name="C", host="a", port=6222, pool_size=-1
    )

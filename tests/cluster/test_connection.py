"""What all connections between servers have in common is tested with routes and gateways."""

from __future__ import annotations

import pytest
from zope.interface.verify import verifyClass, verifyObject

from pubsub.cluster.connection import ServerConnection
from pubsub.errors import ClosedState, SlowConsumer
from pubsub.interfaces import ILinkHandler
from tests.cluster.network import Network
from tests.cluster.raw import accepted, member


def test_it_is_what_links_talk_to() -> None:
    """ILinkHandler."""
    assert verifyClass(ILinkHandler, ServerConnection)
    raw = accepted(Network().node("a"))
    assert verifyObject(ILinkHandler, raw.protocol)


@pytest.mark.parametrize("state", [ClosedState.CLIENT_CLOSED, ClosedState.READ_ERROR])
def test_the_first_reason_counts(state: ClosedState) -> None:
    """Whatever follows."""
    raw = member(Network().node("a"))
    raw.protocol.close(state)
    raw.protocol.close(ClosedState.PARSE_ERROR)
    assert raw.state is state


def test_a_slow_consumer_is_closed_and_counted() -> None:
    """The router says when too much waits."""
    raw = member(Network().node("a"))
    raw.protocol.fault(SlowConsumer())
    assert raw.state is ClosedState.SLOW_CONSUMER_PENDING_BYTES
    assert raw.node.members.slow_consumers == 1


def test_what_comes_when_the_server_ends_is_closed() -> None:
    """At once."""
    node = Network().node("a")
    node.members.closing = True
    assert accepted(node).state is ClosedState.SERVER_SHUTDOWN


def test_who_does_not_take_its_last_bytes_is_dropped() -> None:
    """After two seconds."""
    raw = member(Network().node("a"))
    raw.protocol.close(ClosedState.STALE_CONNECTION)
    raw.node.network.settle(2.5)
    assert raw.transport.disconnecting
    assert raw.protocol.linger_deadline is None

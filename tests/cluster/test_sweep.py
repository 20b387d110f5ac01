"""write_deadline of routes: who accepts nothing for too long is closed, and soon."""

from __future__ import annotations

import pytest

from pubsub.errors import ClosedState
from tests.cluster.network import Network, Node
from tests.cluster.raw import Raw, member


def blocked(**options: float) -> tuple[Node, Raw]:
    """A member that accepts nothing any more, and has something to accept."""
    network = Network()
    node = network.node("a", ping_interval=30.0, **options)
    raw = member(node)
    # the link's clock is the real one: that of the test goes on from what it says
    raw.protocol.pauseProducing()
    link = raw.protocol.link
    assert link is not None
    assert link.blocked_since
    since, begin = link.blocked_since, network.clock.seconds()
    node.context.monotonic = lambda: since + network.clock.seconds() - begin
    return node, raw


@pytest.mark.parametrize("deadline", [0.4, 4.0])
def test_who_accepts_nothing_is_closed_when_its_time_is_over(deadline: float) -> None:
    node, raw = blocked(write_deadline=deadline)
    node.network.settle(deadline * 0.9)
    assert raw.state is None
    node.network.settle(deadline * 0.4)
    assert raw.state is ClosedState.SLOW_CONSUMER_WRITE_DEADLINE
    assert raw.transport.disconnected
    assert node.members.slow_consumers == 1


def test_who_accepts_something_again_stays() -> None:
    node, raw = blocked(write_deadline=2.0)
    node.network.settle(1.5)
    raw.protocol.resumeProducing()
    node.network.settle(10)
    assert raw.state is None


def test_without_a_deadline_nobody_is_closed() -> None:
    node, raw = blocked()
    node.context.options = node.context.options.__class__(
        cluster=node.context.options.cluster, write_deadline=0.0
    )
    node.network.settle(28)
    assert raw.state is None


def test_no_sweep_is_planned_when_there_are_no_connections() -> None:
    node, raw = blocked(write_deadline=1.0)
    node.network.settle(5)
    assert raw.state is not None
    assert len(node.context.deadlines) == 0

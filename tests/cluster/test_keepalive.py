"""PING and PONG between servers."""

from __future__ import annotations

import pytest

from pubsub.errors import ClosedState
from tests.cluster.network import Network
from tests.cluster.raw import member


@pytest.mark.parametrize(("configured", "seconds"), [(0.0, 30), (5.0, 5), (90.0, 30)])
def test_pings_come_at_least_every_30_seconds(configured: float, seconds: int) -> None:
    network = Network()
    raw = member(network.node("a", ping_interval=configured))
    pings = 0
    for _ in range(4 * seconds):
        network.clock.advance(1)
        if "PING" in raw.received():
            pings += 1
            raw.send(b"PONG")
    assert 4 <= pings <= 5
    assert raw.state is None


def test_the_round_trip_is_measured() -> None:
    network = Network()
    raw = member(network.node("a"))
    network.settle(2)
    raw.send(b"PONG", b"PONG")
    assert 0 < raw.protocol.rtt < 2


def test_who_does_not_answer_is_closed_and_counted() -> None:
    network = Network()
    node = network.node("a", ping_interval=1.0)
    raw = member(node)
    network.settle(4)
    assert raw.state is ClosedState.STALE_CONNECTION
    assert node.members.stale_connections == 1

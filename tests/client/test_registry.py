"""Who is connected and who was."""

from __future__ import annotations

import pytest

from pubsub.client.registry import NO_COUNTERS, ConnectionInfo, Registry
from pubsub.errors import ClosedState


def closed(cid, reason=ClosedState.CLIENT_CLOSED):
    return ConnectionInfo(cid, "1.2.3.4", 5, 0.0, 0.0, 0.0, NO_COUNTERS, reason=reason)


def test_ids_begin_with_one_and_are_never_given_twice():
    registry = Registry(10)
    assert [registry.next_cid() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("limit", "full"), [(0, False), (-1, True), (1, True), (2, True), (3, False)]
)
def test_max_connections(server, limit, full):
    server.accept()
    server.accept()
    assert server.context.registry.is_full(limit) is full


def test_the_ring_keeps_the_latest():
    registry = Registry(2)
    for cid in (1, 2, 3):
        registry.was_closed(closed(cid))
    assert [info.cid for info in registry.closed] == [2, 3]
    assert registry.totals.closed == 3


def test_the_ring_may_be_resized():
    registry = Registry(3)
    for cid in (1, 2, 3):
        registry.was_closed(closed(cid))
    registry.resize(1)
    assert [info.cid for info in registry.closed] == [3]
    registry.resize(2)
    registry.was_closed(closed(4))
    assert [info.cid for info in registry.closed] == [3, 4]


def test_none_need_be_kept():
    registry = Registry(-1)
    registry.was_closed(closed(1))
    assert not registry.closed


def test_reasons_are_counted():
    registry = Registry(1)
    registry.was_closed(closed(1, ClosedState.KICKED))
    registry.was_closed(closed(2, ClosedState.KICKED))
    registry.was_closed(closed(3, None))
    assert registry.totals.reasons == {ClosedState.KICKED: 2}


def test_open_connections_are_found_by_id(server):
    peer = server.accept()
    assert server.context.registry.open == {1: peer.protocol}
    peer.lost()
    assert server.context.registry.open == {}


def test_it_tells_when_the_last_transport_is_gone(server):
    registry = server.context.registry
    fired = []
    registry.when_all_lost().addCallback(lambda _: fired.append("nobody yet"))
    first, second = server.connect(), server.accept()
    registry.when_all_lost().addCallback(lambda _: fired.append("all"))
    first.protocol.close(ClosedState.SERVER_SHUTDOWN)
    second.lost()
    assert not registry.open
    assert fired == ["nobody yet"]
    first.lost()
    assert fired == ["nobody yet", "all"]

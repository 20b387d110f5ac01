"""/accstatz: how busy each account is."""

from __future__ import annotations

import pytest

from pubsub.errors import BadMonitorQuery
from pubsub.monitor.accstatz import accstatz
from pubsub.monitor.query import Query
from tests.monitor.fakes import FakeServer


def test_accounts_with_clients(server: FakeServer) -> None:
    assert list(accstatz(server, Query()).items()) == [
        ("server_id", "NAB"),
        ("now", "2026-08-21T15:52:16.25Z"),
        ("account_statz", [{"acc": "$G", "conns": 0}]),
    ]
    assert server.statz_asked == [(None, False)]


def test_unused_accounts_too(server: FakeServer) -> None:
    accstatz(server, Query(b"unused=1"))
    assert server.statz_asked == [(None, True)]


def test_unused_is_a_truth_value(server: FakeServer) -> None:
    with pytest.raises(BadMonitorQuery, match="unused"):
        accstatz(server, Query(b"unused=perhaps"))

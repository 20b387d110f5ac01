"""A server on paper, as a fixture."""

from __future__ import annotations

import pytest

from tests.monitor.fakes import FakeServer, sub


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def busy(server: FakeServer) -> FakeServer:
    """Two clients are connected: 5 with two subscriptions, 6 with none."""
    alpha = (sub(5, b"1", b"foo.*", b"q"), sub(5, b"2", b"bar", delivered=1, max_=3))
    server.connect(5, *alpha, name="alpha", lang="go", version="1.2", user="ann")
    server.connect(6, name="beta")
    return server

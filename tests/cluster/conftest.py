"""Servers on in-memory transports, with each router in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pubsub.router.python.backend import PythonBackend
from tests.cluster.leafs.world import World
from tests.router.recording import native_backend


@pytest.fixture(params=["python", "native"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Servers with leaf node links, to be made by the test."""
    made = World(PythonBackend() if request.param == "python" else native_backend())
    yield made
    made.stop()


@pytest.fixture(params=[0, 1], ids=["whole", "bytewise"])
def pieces(request: pytest.FixtureRequest) -> int:
    """How input is cut: into so many bytes, 0 for not at all."""
    return int(request.param)

"""Servers on in-memory transports, with each router in turn, and servers as processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from pubsub.router.python.backend import PythonBackend
from tests.cluster.leafs.world import World
from tests.cluster.processes import Cluster, Processes
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


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """No servers yet; all that are started are stopped."""
    with ExitStack() as stack:
        yield Processes(tmp_path, stack)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Likewise."""
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The lines logged during the test that are seen without ``debug``."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        ours = str(event.get("log_namespace", "")).startswith("pubsub.")
        if ours and event["log_level"] is not LogLevel.debug:
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)

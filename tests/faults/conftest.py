"""Servers as processes, and links between them that fail; a witness beside each fault.

What happens when a member is killed or frozen is in ``tests/cluster/test_interop_routes.py``, since
it is seen with nats-server's members, too.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster.processes import Cluster
from tests.cluster.proxies import Proxies
from tests.faults.ears import Ears


@pytest.fixture
def kind() -> str:
    """The router of the servers: the compiled one where there is one."""
    if os.environ.get("PUBSUB_NO_EXTENSIONS") != "1" and importlib.util.find_spec(
        "pubsub.router.native.engine"
    ):
        return "native"
    return "python"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """No servers yet; all that are started are stopped, and must not have logged an exception."""
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


@pytest.fixture
def proxies(cluster: Cluster) -> Iterator[Proxies]:
    """Links that fail; they end before the servers do."""
    with Proxies() as made:
        yield made


@pytest.fixture
def ears(cluster: Cluster) -> Iterator[Ears]:
    """Clients that hear everything; they hang up before the servers end."""
    with Ears() as made:
        yield made

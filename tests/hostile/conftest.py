"""Servers in child processes to be maltreated: each router in turn, and a peer to compare with.

``NATS_SERVER`` (or ``nats-server`` on PATH) is run through the tables, too: what they expect
is what it does. ``--pubsub-command`` runs one given program instead of all of these.

Tests marked ``slow`` run where ``CI`` is set, with ``-m slow`` and in ``tox -e hostile``.
"""

from __future__ import annotations

import importlib.util
import os
import resource
import shlex
import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pubsub.testing.child import OWN_COMMAND
from tests.hostile.servers import Flavour, Starter


def _flavours(metafunc: pytest.Metafunc) -> list[object]:
    given = metafunc.config.getoption("--pubsub-command")
    if given:
        return [pytest.param(Flavour("given", tuple(shlex.split(given))), id="given")]
    found: list[object] = [pytest.param(Flavour("python", OWN_COMMAND, "python"), id="python")]
    if os.environ.get("PUBSUB_NO_EXTENSIONS") != "1" and importlib.util.find_spec(
        "pubsub.router.native.engine"
    ):
        native = Flavour("native", OWN_COMMAND, "native")
        found.insert(0, pytest.param(native, id="native"))
    peer = os.environ.get("NATS_SERVER") or shutil.which("nats-server")
    if peer and metafunc.definition.get_closest_marker("compared"):
        nats = Flavour("nats-server", (peer,))
        marks = [pytest.mark.interop, pytest.mark.slow]
        found.append(pytest.param(nats, id="nats-server", marks=marks))
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that take ``flavour``, or a fixture that does, run once for each server."""
    if "flavour" in metafunc.fixturenames:
        metafunc.parametrize("flavour", _flavours(metafunc), indirect=True, scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow ones out of a run at the desk."""
    if config.getoption("-m") or os.environ.get("CI"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture
def many() -> Iterator[int]:
    """How many connections: 10,000, or as many as this machine's limits allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield 10_000 if hard == resource.RLIM_INFINITY else min(10_000, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Which server."""
    chosen: Flavour = request.param
    return chosen


def _starter(flavour: Flavour, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    with ExitStack() as stack:
        yield Starter(flavour, tmp_path_factory, stack)


@pytest.fixture
def start(flavour: Flavour, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Starts servers for one test; they are stopped, and checked, when it ends."""
    yield from _starter(flavour, tmp_path_factory)


@pytest.fixture(scope="module")
def start_shared(flavour: Flavour, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """The same, for all the tests of a file."""
    yield from _starter(flavour, tmp_path_factory)

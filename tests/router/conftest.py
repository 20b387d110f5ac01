"""Both router backends, for every test that takes ``backend``."""

from __future__ import annotations

import pytest

from pubsub.interfaces import IRouterBackend
from pubsub.router.python.backend import PythonBackend
from tests.router.recording import World, native_backend


@pytest.fixture(params=["python", "native"])
def backend(request: pytest.FixtureRequest) -> IRouterBackend:
    """Each router backend in turn."""
    return PythonBackend() if request.param == "python" else native_backend()


@pytest.fixture
def both_backends() -> tuple[IRouterBackend, IRouterBackend]:
    """The two backends, to be compared."""
    return PythonBackend(), native_backend()


@pytest.fixture
def world(backend: IRouterBackend) -> World:
    """A router with seed 1 and nobody attached."""
    return World(backend)

"""Both router backends, for every test that takes ``backend``."""

from __future__ import annotations

import importlib
import os

import pytest

from pubsub.interfaces import IRouterBackend
from pubsub.router.python.backend import PythonBackend
from tests.router.recording import World

_NATIVE = "pubsub.router.native.backend"


def native_backend() -> IRouterBackend:
    """The compiled backend; skips the test where there is none."""
    if os.environ.get("PUBSUB_NO_EXTENSIONS") == "1":
        pytest.skip("PUBSUB_NO_EXTENSIONS=1: the native backend is switched off")
    try:
        module = importlib.import_module(_NATIVE)
    except ImportError as error:
        pytest.skip(f"the native backend is not built: {error}")
    backend: IRouterBackend = module.NativeBackend()
    return backend


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

"""Hooks at work: real clients, either router, time by hand."""

from __future__ import annotations

from typing import Any

import pytest

from pubsub.config.options import Options
from pubsub.interfaces import ILink, IMessageHook, IRouter, IRouterBackend, RouterSettings
from pubsub.router.python.backend import PythonBackend
from pubsub.router.python.router import PythonRouter
from tests.client.conftest import Server
from tests.router.recording import native_backend


class HookedServer(Server):
    """A server with one hook; what hooks may use of it is itself."""

    def __init__(self, backend: IRouterBackend) -> None:
        self.backend = backend
        super().__init__()
        self.start(Options(max_payload=1 << 24))

    def make_router(self, settings: RouterSettings) -> IRouter:
        """Of the backend under test."""
        if isinstance(self.backend, PythonBackend):
            return PythonRouter(settings, self.clock.seconds, self.clock.seconds)
        return self.backend.create(settings)

    def client_of(self, link: ILink) -> Any:
        """The client behind a link (IServerAccess)."""
        return self.context.registry.open.get(link.cid)

    def use(self, hook: Any, connections: bool = False) -> None:
        """Have ``hook`` see messages, and connections if that is wanted."""
        assert IMessageHook.providedBy(hook)
        self.context.router.set_hook(hook)
        self.context.admission = hook if connections else None


@pytest.fixture(params=["python", "native"])
def server(request: pytest.FixtureRequest) -> HookedServer:
    """With each router in turn."""
    return HookedServer(PythonBackend() if request.param == "python" else native_backend())

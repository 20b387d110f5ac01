"""The plugin that makes Python routers."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from pubsub.interfaces import IRouter, IRouterBackend, PeerKind, RouterSettings
from pubsub.router.python.backend import PythonBackend, PythonLink, PythonRouter
from tests.router.recording import Recorder


def test_it_makes_routers_anywhere() -> None:
    backend = PythonBackend()
    assert verifyObject(IRouterBackend, backend)
    assert (backend.name, backend.priority, backend.unavailable()) == ("python", 0, "")
    router = backend.create(RouterSettings(max_pending=5))
    assert verifyObject(IRouter, router)
    assert isinstance(router, PythonRouter)
    assert router.settings == RouterSettings(max_pending=5)
    assert isinstance(router.attach(Recorder("a", []), PeerKind.CLIENT, 1, "$G"), PythonLink)

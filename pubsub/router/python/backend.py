"""The plugin: makes routers in plain Python, anywhere."""

from __future__ import annotations

from zope.interface import implementer

from pubsub.interfaces import IRouter, IRouterBackend, RouterSettings
from pubsub.router.python.link import PythonLink
from pubsub.router.python.router import PythonRouter

__all__ = ["PythonBackend", "PythonLink", "PythonRouter"]


@implementer(IRouterBackend)
class PythonBackend:
    """The readable backend: the lowest priority, and always there."""

    name = "python"
    priority = 0

    def unavailable(self) -> str:
        """It runs wherever Python does."""
        return ""

    def create(self, settings: RouterSettings) -> IRouter:
        """A new router without peers."""
        return PythonRouter(settings)

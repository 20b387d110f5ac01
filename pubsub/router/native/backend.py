"""The compiled backend as a plugin."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zope.interface import implementer

from pubsub.errors import BackendUnavailable
from pubsub.interfaces import IRouterBackend

if TYPE_CHECKING:
    from pubsub.interfaces import IRouter, RouterSettings

__all__ = ["NativeBackend"]


@implementer(IRouterBackend)
class NativeBackend:
    """Makes routers of the compiled extension, if it was built and is not switched off."""

    name = "native"
    priority = 10

    def unavailable(self) -> str:
        """Why there is no compiled router here, or ``""``."""
        if os.environ.get("PUBSUB_NO_EXTENSIONS", "") not in ("", "0"):
            return "the compiled extension is switched off by PUBSUB_NO_EXTENSIONS; unset it"
        try:
            from pubsub.router.native import engine  # noqa: F401
        except ImportError as error:
            return (
                f"the compiled extension cannot be imported ({error}); "
                "install a C compiler and reinstall with PUBSUB_EXTENSIONS=yes to see why"
            )
        return ""

    def create(self, settings: RouterSettings) -> IRouter:
        """A compiled router.

        :raises pubsub.errors.BackendUnavailable: the extension is not there.
        """
        reason = self.unavailable()
        if reason:
            raise BackendUnavailable(f"router backend native: {reason}")
        from pubsub.router.native.engine import NativeRouter

        router: IRouter = NativeRouter(settings)
        return router

"""A router backend: the plain Python router, which also counts messages by subject.

Try it from this directory::

    PYTHONPATH=. pubsub-server --router audited
"""

from __future__ import annotations

from collections import Counter

from twisted.logger import Logger
from zope.interface import implementer

from pubsub.interfaces import ILink, IMessageHook, IRouter, IRouterBackend, RouterSettings
from pubsub.router.python.backend import PythonBackend


@implementer(IMessageHook)
class Audit:
    """Counts what clients publish, and lets all of it pass."""

    _log = Logger()

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        """One more message on ``subject``."""
        self.counts[subject] += 1
        if self.counts[subject] == 1:
            self._log.info("First message on {subject}", subject=subject.decode())
        return True


@implementer(IRouterBackend)
class AuditedBackend:
    """Never chosen by ``router: auto``: whoever wants it names it."""

    name = "audited"
    priority = -1

    def unavailable(self) -> str:
        """It runs wherever Python does."""
        return ""

    def create(self, settings: RouterSettings) -> IRouter:
        """A router with the audit in it."""
        router = PythonBackend().create(settings)
        router.set_hook(Audit())
        return router

"""An epoll reactor that serves the router's connections without leaving C.

It is Twisted's ``epollreactor`` with another poll: descriptors bound to a link of the
native router are read, parsed, matched and framed there, and all output is written once
at the end of the turn. Everything else is Twisted's. ``pubsub-server`` installs it where
it can; ``twistd --reactor pubsub-epoll pubsub`` asks for it; nothing requires it.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from pubsub.errors import BackendUnavailable
from pubsub.router.native.backend import NativeBackend

__all__ = ["install", "install_if_possible"]


def _make_reactor() -> Any:
    reason = NativeBackend().unavailable()
    if reason:
        raise BackendUnavailable(f"the batching epoll reactor: {reason}")
    try:
        from twisted.internet.epollreactor import EPollReactor

        from pubsub.router.native.poller import poll
    except ImportError as error:
        raise BackendUnavailable(
            f"the batching epoll reactor needs epoll and the compiled extension: {error}"
        ) from error

    class BatchingEPollReactor(EPollReactor):
        """Twisted's epoll reactor with the router's poll loop."""

        # Delays are delays whatever becomes of the clock: a device that sets its clock back by a
        # day would otherwise not connect to its hub for a day.
        seconds = staticmethod(time.monotonic)

        def doPoll(self, timeout: float | None) -> None:
            poll(self, self._poller.fileno(), timeout, self._selectables)

        doIteration = doPoll

    return BatchingEPollReactor()  # type: ignore[no-untyped-call]


def install() -> None:
    """Make it *the* reactor; call before anything imports ``twisted.internet.reactor``.

    :raises pubsub.errors.BackendUnavailable: no epoll here, or no compiled extension.
    """
    reactor = _make_reactor()
    from twisted.internet.main import installReactor

    installReactor(reactor)


def install_if_possible() -> bool:
    """:func:`install` unless it cannot be or another reactor is there; whether it was."""
    if "twisted.internet.reactor" in sys.modules:
        return False
    try:
        install()
    except BackendUnavailable:
        return False
    return True

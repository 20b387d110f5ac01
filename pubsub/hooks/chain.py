"""Several hooks as one, and what keeps them from doing harm.

A hook that fails refuses the message, or the client: who checks messages is not got around by
breaking the check. It is logged, once a second at most, since who breaks it may do so with
every message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from twisted.logger import Logger
from zope.interface import implementer

from pubsub.errors import AuthorizationViolation
from pubsub.interfaces import IConnectionHook, IMessageHook

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from pubsub.errors import ClientFault
    from pubsub.interfaces import Identity, ILink

__all__ = ["HookChain", "NamedHook"]

#: Seconds between two lines about the failures of one hook.
_QUIET = 1.0


class NamedHook(NamedTuple):
    """A hook, and what the log calls it."""

    name: str
    hook: IMessageHook


class _Failures:
    """The failures of one hook, for the log."""

    __slots__ = ("count", "said")

    def __init__(self) -> None:
        self.count = 0
        self.said = -_QUIET


@implementer(IMessageHook, IConnectionHook)
class HookChain:
    """Asks hooks in their order; the first that refuses ends the matter.

    :param clock: tells the time.
    :ivar sees_connections: one of them wants to be asked about clients.
    """

    _log = Logger()

    def __init__(self, hooks: Iterable[NamedHook], clock: IReactorTime) -> None:
        self._hooks = tuple(hooks)
        self._clock = clock
        self._failures = {name: _Failures() for name, _ in self._hooks}
        self._connection_hooks: list[tuple[str, IConnectionHook]] = []
        for name, hook in self._hooks:
            if IConnectionHook.providedBy(hook):
                self._connection_hooks.append((name, IConnectionHook(hook)))
        self.sees_connections = bool(self._connection_hooks)

    def publishing(
        self, link: ILink, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> bool:
        """Whether all of them let the message pass."""
        for name, hook in self._hooks:
            try:
                if not hook.publishing(link, subject, reply, headers, payload):
                    return False
            except Exception:  # noqa: BLE001 (anybody's code)
                self._failed(name)
                return False
        return True

    def connecting(self, link: ILink, identity: Identity) -> ClientFault | None:
        """Why a client may not stay, ``None`` if all of them let it."""
        for name, hook in self._connection_hooks:
            try:
                fault = hook.connecting(link, identity)
            except Exception:  # noqa: BLE001 (anybody's code)
                self._failed(name)
                return AuthorizationViolation(f"hook {name} failed")
            if fault is not None:
                return fault
        return None

    def stop(self) -> None:
        """Stop those that can be stopped."""
        for name, hook in self._hooks:
            stop = getattr(hook, "stop", None)
            if stop is None:
                continue
            try:
                stop()
            except Exception:  # noqa: BLE001 (the others are stopped all the same)
                self._log.failure("Stopping hook {name} failed", name=name)

    def _failed(self, name: str) -> None:
        failures, now = self._failures[name], self._clock.seconds()
        failures.count += 1
        if now - failures.said < _QUIET:
            return
        self._log.failure("Hook {name} failed ({count} times)", name=name, count=failures.count)
        failures.said = now
        failures.count = 0

"""Which router backend runs: the one asked for, or the best that can."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.plugin import getPlugins

from pubsub.errors import BackendUnavailable
from pubsub.interfaces import IRouterBackend

__all__ = ["AUTO", "choose_backend"]

#: Take the available backend with the highest priority.
AUTO = "auto"


def choose_backend(name: str = AUTO) -> IRouterBackend:
    """The backend called ``name``, or for ``"auto"`` the best that is available here.

    :raises BackendUnavailable: there is none of that name, or it cannot run here; the
        text says why and what to do.
    """
    return choose(name, getPlugins(IRouterBackend))


def choose(name: str, backends: Iterable[IRouterBackend]) -> IRouterBackend:
    """:func:`choose_backend` among these."""
    found = sorted(backends, key=lambda backend: (-backend.priority, backend.name))
    names = ", ".join([AUTO, *(backend.name for backend in found)])
    if name != AUTO:
        found = [backend for backend in found if backend.name == name]
        if not found:
            raise BackendUnavailable(f"there is no router {name!r}: choose one of {names}")
    reasons = []
    for backend in found:
        reason = backend.unavailable()
        if not reason:
            return backend
        reasons.append(f"{backend.name}: {reason}")
    if not reasons:
        raise BackendUnavailable(
            "no router backend was found: is twisted/plugins/pubsub_plugin.py installed?"
        )
    advice = f'; use "{AUTO}" to take what there is' if name != AUTO else ""
    raise BackendUnavailable(f"no router can run here: {'; '.join(reasons)}{advice}")

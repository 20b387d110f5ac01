"""Which router backend runs: the one asked for, or the best that can; and what it obeys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pubsub.errors import BackendUnavailable
from pubsub.interfaces import IRouterBackend, RouterSettings
from pubsub.plugins import installed

if TYPE_CHECKING:
    from pubsub.config.options import Options

__all__ = ["AUTO", "better_backends", "choose_backend", "router_settings"]

#: Take the available backend with the highest priority.
AUTO = "auto"


def choose_backend(name: str = AUTO) -> IRouterBackend:
    """The backend called ``name``, or for ``"auto"`` the best that is available here.

    :raises BackendUnavailable: there is none of that name, or it cannot run here; the
        text says why and what to do.
    """
    return choose(name, installed(IRouterBackend))


def router_settings(options: Options) -> RouterSettings:
    """What the router has to obey."""
    return RouterSettings(
        max_control_line=options.max_control_line,
        max_pending=options.max_pending,
        max_sub_tokens=options.max_sub_tokens,
        no_fast_producer_stall=options.no_fast_producer_stall,
        cache=not options.disable_sublist_cache,
    )


def better_backends(name: str, chosen: str) -> list[str]:
    """``name: reason`` of each backend that ``"auto"`` would prefer to ``chosen``, if it ran.

    Empty if another choice than ``"auto"`` was made.
    """
    return passed_over(name, chosen, installed(IRouterBackend))


def passed_over(name: str, chosen: str, backends: Iterable[IRouterBackend]) -> list[str]:
    """:func:`better_backends` among these."""
    if name != AUTO:
        return []
    found = sorted(backends, key=lambda backend: (-backend.priority, backend.name))
    reasons = []
    for backend in found:
        if backend.name == chosen:
            break
        reasons.append(f"{backend.name}: {backend.unavailable()}")
    return reasons


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

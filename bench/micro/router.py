"""Feeds a scenario to a router of a named backend and takes the CPU time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from twisted.plugin import getPlugins
from zope.interface import implementer

from bench.micro.scenarios import Scenario, cut
from pubsub.interfaces import (
    GLOBAL_ACCOUNT,
    ILinkHandler,
    IRouterBackend,
    LinkOptions,
    PeerKind,
    RouterSettings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pubsub.errors import ClientFault
    from pubsub.interfaces import ILink, IRouter

__all__ = ["Bench", "QuietHandler", "backend_named", "measure"]

#: Shorter spans are at the mercy of the clock and of whoever else runs.
_SPAN = 0.1

_OPTIONS = LinkOptions(verbose=False, pedantic=False, headers=True, no_responders=True)


@implementer(ILinkHandler)
class QuietHandler:
    """A peer that counts the bytes it is sent and treats every fault as a broken bench."""

    def __init__(self) -> None:
        self.received = 0

    def transmit(self, data: bytes) -> None:
        """Count."""
        self.received += len(data)

    def fault(self, fault: ClientFault) -> None:
        """Nothing that is fed here is wrong."""
        raise AssertionError(f"the router complains: {fault!r}")

    def request_info(self, detailed: bool) -> bytes:
        """Nobody imports a service here."""
        return b""

    def stall(self, seconds: float) -> None:
        """Nobody is slow here."""
        raise AssertionError("the router holds the publisher back")

    def operation_before_connect(self) -> bool:
        """No CONNECT is asked for."""
        return True

    def _ignore(self, *arguments: Any) -> None:
        """Nothing to do."""

    connect_received = info_received = error_received = _ignore
    first_ping_received = pong_received = traced = _ignore
    message_received = batch_received = _ignore
    interest_received = interest_missing = _ignore


def backend_named(name: str) -> IRouterBackend:
    """The router backend plugin with this name.

    :raises ValueError: if there is none, or it says why it cannot run.
    """
    found = {backend.name: backend for backend in getPlugins(IRouterBackend)}
    if name not in found:
        raise ValueError(f"no router backend {name!r}; there are {', '.join(sorted(found))}")
    backend: IRouterBackend = found[name]
    reason = backend.unavailable()
    if reason:
        raise ValueError(reason)
    return backend


class Bench:
    """A router with one publisher and the subscribers of a scenario."""

    def __init__(self, backend: IRouterBackend, scenario: Scenario) -> None:
        self.scenario = scenario
        self.router: IRouter = backend.create(RouterSettings(seed=1))
        self.handlers: list[QuietHandler] = []
        self._links: list[ILink] = []
        self._chunks = cut(scenario.stream)
        for lines in scenario.subscribers:
            self._attach().feed(lines)
        # flows without subscribers are published by whoever is alone
        self._publisher = self._attach()
        self.router.flush()

    def _attach(self) -> ILink:
        handler = QuietHandler()
        self.handlers.append(handler)
        link = self.router.attach(handler, PeerKind.CLIENT, len(self.handlers), GLOBAL_ACCOUNT)
        link.options = _OPTIONS
        self._links.append(link)
        return link

    def feed_once(self) -> None:
        """The whole stream, with a flush after each piece as after each read."""
        feed, flush = self._publisher.feed, self.router.flush
        for chunk in self._chunks:
            feed(chunk)
            flush()

    def check(self, times: int) -> None:
        """Every delivery took place, and none twice, after the stream was fed so often.

        :raises AssertionError: if not.
        """
        delivered = sum(link.counters().out_msgs for link in self._links)
        wanted = times * self.scenario.deliveries
        if delivered != wanted:
            raise AssertionError(f"{self.scenario.name}: {delivered} deliveries, not {wanted}")


def measure(backend: IRouterBackend, scenario: Scenario, seconds: float) -> Sequence[float]:
    """CPU nanoseconds per operation, once per span of about a tenth of a second.

    :raises AssertionError: if a message was lost, duplicated or refused.
    """
    bench = Bench(backend, scenario)
    bench.feed_once()
    spans: list[float] = []
    fed, end = 1, time.monotonic() + seconds
    while not spans or time.monotonic() < end:
        start, passes = time.process_time(), 0
        while (spent := time.process_time() - start) < _SPAN:
            bench.feed_once()
            passes += 1
        fed += passes
        spans.append(spent * 1e9 / (passes * scenario.operations))
    bench.check(fed)
    return spans

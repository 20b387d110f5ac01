"""The system account's side of a server: events, requests and the pulse, wired together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pubsub.interfaces import GLOBAL_ACCOUNT
from pubsub.system.account_requests import AccountRequests
from pubsub.system.bus import SystemBus
from pubsub.system.events import SystemEvents
from pubsub.system.remote_connections import RemoteConnections
from pubsub.system.requests import Page, ServerRequests, ZRequests
from pubsub.system.statsz import MeasuredServer, Statsz

if TYPE_CHECKING:
    from pubsub.accounts.remote_latency import RemoteLatency
    from pubsub.client.context import ClientContext
    from pubsub.interfaces import IServerAccess
    from pubsub.system.account_figures import AccountFigures

__all__ = ["SystemServices"]


class SystemServices:
    """What a server with a system account says and answers there.

    :param server: it has a ``system_account`` and its ``server_id``.
    :param measured: whose figures STATSZ shows.
    :param figures: those of the accounts.
    :param context: the clients, the options in force and INFO.
    :param pages: of the monitoring, by the last token of the subject that asks for them
        (:func:`pubsub.monitor.requests.page_requests`).
    :param reload: reads the configuration again, or raises
        :class:`pubsub.errors.PubSubError`.
    :param latency: measures services together with other servers.
    :ivar events: the observer of clients (``ClientContext.observer``).
    """

    def __init__(
        self,
        server: IServerAccess,
        measured: MeasuredServer,
        figures: AccountFigures,
        context: ClientContext,
        pages: Mapping[str, Page],
        reload: Callable[[], None],
        latency: RemoteLatency,
        wall: Callable[[], float] = time.time,
    ) -> None:

        def abroad() -> bool:
            table = measured.gateways.table
            return table is not None and bool(table.outbound)

        self._bus = SystemBus(server, wall, abroad)
        self._statsz = Statsz(self._bus, measured, figures)
        self._remote_connections = RemoteConnections(self._bus, self._statsz.remotes)

        def refused_account() -> str:
            callout = context.options.authorization.auth_callout
            return callout.account if callout is not None else GLOBAL_ACCOUNT

        self.events = SystemEvents(self._bus, figures, refused_account)
        requests = ZRequests(self._bus, context)
        self._server_requests = ServerRequests(requests, self._statsz, pages, reload)
        self._account_requests = AccountRequests(requests, self.events, figures, pages)
        self._latency = latency
        self._running = False

    def start(self) -> None:
        """Answer requests and beat; INFO has its final form."""
        self._running = True
        self._server_requests.start()
        self._account_requests.start()
        self._measure_together()
        others = self._bus.server.may_be_linked()
        if others:
            self._remote_connections.start()
        self._statsz.start(others=others)

    def _measure_together(self) -> None:
        """Exchange what is measured of services with other servers."""
        bus, latency = self._bus, self._latency
        subject = latency.start(bus.server.server_name, bus.client.publish)
        bus.client.subscribe(subject, lambda message: latency.received(message.payload))
        bus.server.router.set_tracker(latency)

    def lame_duck(self) -> None:
        """The server enters lame duck mode."""
        if self._running:
            self.events.lame_duck()

    def stop(self) -> None:
        """The server stops: say so while there is somebody to hear it. Before clients close."""
        if self._running:
            self._running = False
            self._statsz.stop()
            self._remote_connections.stop()
            self.events.shutdown()

    def close(self) -> None:
        """The clients are gone, and their going was told."""
        self._latency.stop()
        self._bus.close()

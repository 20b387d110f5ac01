"""What the gateways of one server share, and what they need of the rest of the server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from pubsub.client.faultlog import SERVER_LINES_PER_SECOND, FaultLog
from pubsub.client.preamble_types import TlsDetails
from pubsub.config.options import GatewayOptions, Options

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProtocolFactory

    from pubsub.client.deadlines import Deadlines
    from pubsub.cluster.protocol import RouteProtocol
    from pubsub.config.options import TlsOptions
    from pubsub.interfaces import IRouter

__all__ = ["GatewayContext"]


def _no_tls(*arguments: Any) -> None:
    raise RuntimeError("this server was built without TLS for gateways")


def _no_details(transport: Any) -> TlsDetails:
    return TlsDetails()


def _none() -> tuple[Any, ...]:
    return ()


def _no_threads(*arguments: Any) -> Any:
    raise RuntimeError("this server has no threads")


@dataclass(eq=False)
class GatewayContext:
    """The server as its gateways see it. ``pubsub.assembly.gateways`` makes one.

    A reload assigns ``options``, of which these are used: all of ``gateway``, and
    ``ping_interval``, ``ping_max``, ``write_deadline``, ``max_payload``, ``max_pending``,
    ``no_header_support``, ``connect_error_reports``, ``reconnect_error_reports``, ``debug``,
    ``trace``, ``trace_verbose``, ``trace_headers`` and ``max_traced_msg_len``.
    """

    options: Options
    router: IRouter
    deadlines: Deadlines
    server_id: str
    #: asked each time: it is the id until one is configured
    server_name: Callable[[], str]
    #: the id of a new connection, of whatever kind
    next_cid: Callable[[], int]
    #: ``connect(host, port, factory)``: a Deferred that fires when ``factory`` has made a
    #: protocol and it is connected, and fails if that cannot be; cancel it to give up
    connect: Callable[[str, int, IProtocolFactory], Deferred[Any]]
    #: the names of all accounts known here now; ``Gateways.account_added`` tells of others
    account_names: Callable[[], Iterable[str]] = _none
    #: one route to each other server of our cluster: ``Members.first_routes``
    routes: Callable[[], Iterable[RouteProtocol]] = _none
    #: the addresses of this machine, for what others are told if we listen on all of them
    addresses: Callable[[], Iterable[str]] = _none
    #: begins TLS as server: ``(transport, protocol)``
    serve_tls: Callable[[Any, Any], None] = _no_tls
    #: begins TLS as client: ``(transport, protocol, options, hostname)``
    join_tls: Callable[[Any, Any, TlsOptions, str], None] = _no_tls
    tls_details: Callable[[Any], TlsDetails] = _no_details
    #: Twisted's ``deferToThread``
    defer_to_thread: Callable[..., Deferred[Any]] = _no_threads
    #: called when other clusters are nearer than before, or gone
    reordered: Callable[[], object] = _none
    #: False: as servers before 2.9, what other clusters send is answered with what nobody wants
    #: (nats-server's GatewayDoNotForceInterestOnlyMode; there is no option for it)
    interest_only: bool = True
    #: epoch seconds
    wall: Callable[[], float] = time.time
    #: to compare with ``ILink.blocked_since``
    monotonic: Callable[[], float] = time.monotonic
    #: spreads attempts to connect
    random: Random = field(default_factory=Random)
    #: the log of what gateways do
    faults: FaultLog = field(init=False)

    def __post_init__(self) -> None:
        self.faults = FaultLog(self.monotonic, "gateways", SERVER_LINES_PER_SECOND)

    @property
    def gateway(self) -> GatewayOptions:
        """The ``gateway`` block."""
        return self.options.gateway

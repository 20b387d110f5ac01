"""What the routes of one server share, and what they need of the rest of the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from pubsub.client.faultlog import SERVER_LINES_PER_SECOND, FaultLog
from pubsub.client.preamble_types import TlsDetails
from pubsub.cluster.names import ClusterName
from pubsub.config.options import Options

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProtocolFactory

    from pubsub.client.deadlines import Deadlines
    from pubsub.cluster.gateways.table import Gateways
    from pubsub.interfaces import IRouter

__all__ = ["ClusterContext"]


def _no_tls(*arguments: Any) -> None:
    raise RuntimeError("this server was built without TLS for routes")


def _no_details(transport: Any) -> TlsDetails:
    return TlsDetails()


def _everything(name: str) -> bool:
    return True


def _nothing() -> None:
    """Nobody has to be told."""


def _no_threads(*arguments: Any) -> Any:
    raise RuntimeError("this server has no threads")


@dataclass(eq=False)
class ClusterContext:
    """The server as its routes see it. :mod:`pubsub.assembly.cluster` makes one.

    A reload assigns ``options``.
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
    name: ClusterName
    #: begins TLS as server: ``(transport, protocol)``
    serve_tls: Callable[[Any, Any], None] = _no_tls
    #: begins TLS as client: ``(transport, protocol, hostname)``
    join_tls: Callable[[Any, Any, str], None] = _no_tls
    tls_details: Callable[[Any], TlsDetails] = _no_details
    #: whether there is, or may be, an account of that name
    account_known: Callable[[str], bool] = _everything
    #: the list of URLs for clients is another now
    urls_changed: Callable[[], None] = _nothing
    #: ``host:port`` where leaf nodes connect to this server, ``""`` if nowhere
    leafnode_url: Callable[[], str] = str
    #: where they may connect to other members has changed: ``Members.leafnode_urls``
    leafnode_urls_changed: Callable[[], None] = _nothing
    #: to other clusters; ``None`` without any
    gateways: Gateways | None = None
    #: Twisted's ``deferToThread``
    defer_to_thread: Callable[..., Deferred[Any]] = _no_threads
    system_account: str = "$SYS"
    #: epoch seconds
    wall: Callable[[], float] = time.time
    #: to compare with ``ILink.blocked_since``
    monotonic: Callable[[], float] = time.monotonic
    #: spreads attempts to connect
    random: Random = field(default_factory=Random)
    #: the log of what routes do
    faults: FaultLog = field(init=False)

    def __post_init__(self) -> None:
        self.faults = FaultLog(self.monotonic, "routes", SERVER_LINES_PER_SECOND)

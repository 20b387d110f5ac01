"""What the monitoring pages need to know of a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zope.interface import Attribute, Interface

__all__ = ["IServerState", "ProcessUsage"]


@dataclass(frozen=True)
class ProcessUsage:
    """What this process uses of the machine."""

    #: percent of one core
    cpu: float
    #: resident memory in bytes
    rss: int
    #: cores of the machine
    cores: int


class IServerState(Interface):
    """A running server, to be looked at. Times are epoch seconds.

    Only ``http_requests`` is written to.
    """

    options = Attribute("pubsub.config.options.Options in force")
    info = Attribute("pubsub.wire.info.ServerInfo: what INFO tells everybody")
    registry = Attribute("pubsub.client.registry.Registry")
    router = Attribute("pubsub.interfaces.IRouter")
    accounts = Attribute("pubsub.interfaces.IAccounts")
    cluster = Attribute("its routes: ``members`` (pubsub.cluster.members.Members), ``port``")
    gateways = Attribute(
        "its gateways: ``table`` (pubsub.cluster.gateways.table.Gateways, or ``None``),"
        " ``outbound()`` and ``inbound()`` (GatewayProtocol), ``address``, ``port``,"
        " ``tls_not_after``"
    )
    leafs = Attribute(
        "its leaf node links: ``linked()`` (LeafProtocol), ``figures`` (LeafFigures), ``port``,"
        " ``tls_not_after``"
    )
    system_account = Attribute("str: the name of the system account, as a rule $SYS")
    start = Attribute("float: when the server was started")
    config_time = Attribute("float: when the configuration was read, at the start or by a reload")
    tls_not_after = Attribute("float: when the server's certificate expires; 0.0 without TLS")
    http_requests = Attribute("dict[str, int]: requests by page (/varz), counted by the pages")

    def account_statz(
        names: Sequence[str] | None,  # noqa: N805
        unused: bool,
    ) -> list[dict[str, Any]]:
        """How busy these accounts are (all), or only those of them that have clients: rows
        as nats-server's ``AccountStat`` has them, which :mod:`pubsub.system` makes."""

    def now() -> float:
        """The time."""

    def usage() -> ProcessUsage:
        """What the process uses at the moment."""

    def not_ready() -> str:
        """``""`` if clients can connect, else what cannot be reached: ``"server"``."""

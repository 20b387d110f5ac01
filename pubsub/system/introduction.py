"""How a server introduces itself: INFO to clients, the first log lines, the ports file.

Pure functions of the options and of what only the running server knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pubsub._version import NATS_VERSION, VERSION
from pubsub.errors import InvalidOption
from pubsub.system import startup
from pubsub.system.files import ServerPorts, listener_urls
from pubsub.system.identity import runtime_name
from pubsub.transport.listen import split_host_port
from pubsub.wire.info import ServerInfo

if TYPE_CHECKING:
    from pubsub.config.options import Options, TlsOptions

__all__ = ["advertised", "opened_lines", "opening_lines", "server_info", "server_ports"]

_MAX_PORT = 65535
#: JetStream's: nats-server tells it whether there is JetStream or not
_API_LEVEL = 5


def advertised(client_advertise: str, host: str, port: int) -> tuple[str, int]:
    """The host and port that clients are told.

    :param client_advertise: ``host``, ``host:port`` or ``""`` for what we listen on; port 0
        and -1 stand for ``port``.
    :raises InvalidOption: it is none of these.
    """
    if not client_advertise:
        return host, port
    parts = split_host_port(client_advertise)
    if parts is None and ":" not in client_advertise.strip("[]"):
        parts = client_advertise, 0
    if parts is None or not parts[0] or parts[1] > _MAX_PORT:
        raise InvalidOption(f"client_advertise: {client_advertise!r} is neither host nor host:port")
    name, number = parts
    return name.strip("[] "), number if number > 0 else port


def server_info(
    options: Options,
    *,
    server_id: str,
    server_name: str,
    port: int,
    auth_required: bool,
    xkey: str = "",
) -> ServerInfo:
    """What INFO tells everybody.

    :param port: the one the kernel gave.
    :param xkey: the public curve key others seal messages for this server with.
    :raises InvalidOption: ``client_advertise`` cannot be understood.
    """
    host, port = advertised(options.client_advertise, options.host, port)
    tls = options.tls
    return ServerInfo(
        server_id=server_id,
        server_name=server_name,
        version=NATS_VERSION,
        go=runtime_name(),
        host=host,
        port=port,
        max_payload=options.max_payload,
        headers=not options.no_header_support,
        auth_required=auth_required,
        tls_required=tls is not None and not options.allow_non_tls,
        tls_verify=tls is not None and tls.verify,
        tls_available=tls is not None and options.allow_non_tls,
        api_lvl=_API_LEVEL,
        xkey=xkey,
    )


def opening_lines(
    options: Options, *, server_id: str, server_name: str, router: str, missing: Iterable[str]
) -> list[startup.Line]:
    """What is logged before anything is opened.

    :param missing: better router backends than ``router``, and why they cannot run here.
    """
    lines = startup.identity_lines(
        version=NATS_VERSION,
        git_commit="",
        pubsub_version=VERSION,
        router=router,
        runtime=runtime_name(),
        server_name=server_name,
        server_id=server_id,
    )
    lines += startup.configuration_lines(options.config_file, options.config_digest)
    lines += startup.missing_router_lines(router, missing)
    lines += startup.warning_lines(
        password=options.authorization.password, max_payload=options.max_payload
    )
    return lines


def opened_lines(options: Options, addresses: Iterable[object]) -> list[startup.Line]:
    """What is logged when clients can connect to ``addresses``."""
    lines = [
        startup.Line(f"Listening for client connections on {address}") for address in addresses
    ]
    if options.proxy_protocol:
        lines.append(startup.Line("PROXY protocol enabled for client connections"))
    if options.tls is not None:
        lines += startup.tls_lines(
            allow_non_tls=options.allow_non_tls, handshake_first=options.tls.handshake_first
        )
    return lines


def server_ports(
    options: Options,
    clients: Iterable[tuple[str, int]],
    monitoring: Iterable[tuple[str, str, int]],
    routes: Iterable[tuple[str, int]] = (),
    gateways: Iterable[tuple[str, int]] = (),
) -> ServerPorts:
    """What the ports file says.

    :param clients: host and port of each TCP listener.
    :param monitoring: scheme, host and port of each.
    :param routes: host and port of where other servers of the cluster connect.
    :param gateways: likewise servers of other clusters.
    """
    scheme = "tls" if options.tls is not None else "nats"
    return ServerPorts(
        nats=[url for host, port in clients for url in listener_urls(scheme, host, port)],
        monitoring=[url for each in monitoring for url in listener_urls(*each)],
        cluster=_link_urls(options.cluster.tls, routes),
        gateway=_link_urls(options.gateway.tls, gateways),
    )


def _link_urls(tls: TlsOptions | None, addresses: Iterable[tuple[str, int]]) -> list[str]:
    scheme = "nats" if tls is None else "tls"
    return [url for host, port in addresses for url in listener_urls(scheme, host, port)]

"""What servers say to each other first: INFO and CONNECT on routes.

The fields are those of nats-server 2.15 (``server.go``: Info; ``route.go``: connectInfo). What
another server says is kept as it came, because its INFO is passed on to the rest of the cluster:
a field we do not know may mean something to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pubsub.cluster.fields import Fields, Lists, given
from pubsub.values.identity import Permissions
from pubsub.wire.info import go_json

__all__ = ["RouteConnect", "RouteInfo", "info_line", "permission_lists", "read_permission_lists"]

#: nats-server's RouteProtoV2: accounts on the wire. 3 would promise distributed message tracing.
ROUTE_PROTOCOL = 2

#: How other servers are told of a new one (nats-server: gossipDefault, …)
GOSSIP_DEFAULT, GOSSIP_DISABLED, GOSSIP_OVERRIDE = range(3)


@dataclass(frozen=True)
class RouteInfo:
    """INFO on a route: how another server introduces itself, or a third one."""

    server_id: str = ""
    server_name: str = ""
    version: str = ""
    host: str = ""
    port: int = 0
    proto: int = 0
    headers: bool = False
    auth_required: bool = False
    tls_required: bool = False
    #: where to reach it, ``nats-route://host:port/``; ``""`` if it did not say
    ip: str = ""
    cluster: str = ""
    cluster_dynamic: bool = False
    domain: str = ""
    connect_urls: tuple[str, ...] = ()
    ldm: bool = False
    compression: str = ""
    #: understands LS+, and the origin in LS-
    lnoc: bool = False
    lnocu: bool = False
    #: 0 if it has no pools (before 2.10, or switched off)
    pool_size: int = 0
    pool_idx: int = 0
    #: this connection is for one account only
    account: str = ""
    #: it reloads, and asks for a connection for ``account``
    account_request: str = ""
    gossip_mode: int = GOSSIP_DEFAULT
    gateway: str = ""
    gateway_url: str = ""
    leafnode_urls: tuple[str, ...] = ()
    #: it is a client's INFO: we came to the wrong port
    client_id: int = 0
    jetstream: bool = False
    permissions: Permissions | None = None
    #: everything it said
    members: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, argument: bytes) -> RouteInfo:
        """What the argument of INFO says.

        :raises MalformedArguments: it cannot be read.
        """
        fields = Fields(argument, "INFO")
        return cls(
            server_id=fields.text("server_id"),
            server_name=fields.text("server_name"),
            version=fields.text("version"),
            host=fields.text("host"),
            port=fields.number("port"),
            proto=fields.number("proto"),
            headers=fields.flag("headers"),
            auth_required=fields.flag("auth_required"),
            tls_required=fields.flag("tls_required"),
            ip=fields.text("ip"),
            cluster=fields.text("cluster"),
            cluster_dynamic=fields.flag("cluster_dynamic"),
            domain=fields.text("domain"),
            connect_urls=fields.texts("connect_urls"),
            ldm=fields.flag("ldm"),
            compression=fields.text("compression"),
            lnoc=fields.flag("lnoc"),
            lnocu=fields.flag("lnocu"),
            pool_size=fields.number("route_pool_size"),
            pool_idx=fields.number("route_pool_idx"),
            account=fields.text("route_account"),
            account_request=fields.text("route_acc_add_reqid"),
            gossip_mode=fields.number("gossip_mode"),
            gateway=fields.text("gateway"),
            gateway_url=fields.text("gateway_url"),
            leafnode_urls=fields.texts("leafnode_urls"),
            client_id=fields.number("client_id"),
            jetstream=fields.flag("jetstream"),
            permissions=read_permission_lists(fields.lists("import"), fields.lists("export")),
            members=fields.members,
        )


@dataclass(frozen=True)
class RouteConnect:
    """CONNECT on a route."""

    user: str = ""
    password: str = field(default="", repr=False)
    tls_required: bool = False
    headers: bool = False
    #: the id of the server
    name: str = ""
    cluster: str = ""
    cluster_dynamic: bool = False
    lnoc: bool = False
    lnocu: bool = False
    gateway: str = ""
    #: only clients say which language they are written in
    lang: str = ""

    @classmethod
    def parse(cls, argument: bytes) -> RouteConnect:
        """What the argument of CONNECT says.

        :raises MalformedArguments: it cannot be read.
        """
        fields = Fields(argument, "CONNECT")
        return cls(
            user=fields.text("user"),
            password=fields.text("pass"),
            tls_required=fields.flag("tls_required"),
            headers=fields.flag("headers"),
            name=fields.text("name"),
            cluster=fields.text("cluster"),
            cluster_dynamic=fields.flag("cluster_dynamic"),
            lnoc=fields.flag("lnoc"),
            lnocu=fields.flag("lnocu"),
            gateway=fields.text("gateway"),
            lang=fields.text("lang"),
        )

    def to_bytes(self) -> bytes:
        """The line, as nats-server's sendRouteConnect writes it."""
        members: dict[str, Any] = {"echo": True, "verbose": False, "pedantic": False}
        members |= given(user=self.user) | given(**{"pass": self.password})
        members |= {
            "tls_required": self.tls_required,
            "headers": self.headers,
            "name": self.name,
            "cluster": self.cluster,
        }
        members |= given(cluster_dynamic=self.cluster_dynamic, lnoc=self.lnoc, lnocu=self.lnocu)
        return b"CONNECT %b\r\n" % go_json(members)


def info_line(members: Mapping[str, Any]) -> bytes:
    """An INFO line; of the members those that are empty have to be left out already."""
    return b"INFO %b\r\n" % go_json(dict(members))


def permission_lists(permissions: Permissions | None) -> dict[str, Any]:
    """``import`` and ``export`` as INFO has them."""
    if permissions is None:
        return {}
    return given(
        **{
            "import": _lists(permissions.publish_allow, permissions.publish_deny),
            "export": _lists(permissions.subscribe_allow, permissions.subscribe_deny),
        }
    )


def _lists(allow: tuple[str, ...] | None, deny: tuple[str, ...]) -> dict[str, list[str]]:
    return given(allow=list(allow or ()), deny=list(deny))


def read_permission_lists(imports: Lists | None, exports: Lists | None) -> Permissions | None:
    """The opposite of :func:`permission_lists`."""
    if imports is None and exports is None:
        return None
    import_allow, import_deny = imports or (None, ())
    export_allow, export_deny = exports or (None, ())
    return Permissions(
        publish_allow=import_allow or None,
        publish_deny=import_deny,
        subscribe_allow=export_allow or None,
        subscribe_deny=export_deny,
    )

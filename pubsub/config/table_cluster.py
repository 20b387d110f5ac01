"""The rows about the other servers of a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pubsub.config.row import Flag, Option
from pubsub.config.row import ValueKind as K
from pubsub.config.table_authorization import permissions_rows
from pubsub.config.table_tls import tls_rows

__all__ = ["ROWS"]

_COMPRESSION = "compression"


def _row(name: str, kind: K, description: str, *aliases: str, **keywords: Any) -> Option:
    return Option(f"cluster.{name}", kind, description, aliases, attribute=None, **keywords)


ROWS = (
    Option("cluster", K.BLOCK, "Routes to the other servers of a cluster", attribute="cluster",
           reloadable=True, go_name="Cluster"),
    _row("listen", K.ADDRESS, "Address to listen on; there are no routes without one"),
    _row("host", K.STRING, "Host to listen on", "net"),
    _row("port", K.PORT, "Port to listen on; as a rule 6222"),
    _row("authorization", K.BLOCK, "What other servers have to say", reloadable=True),
    _row("authorization.user", K.STRING, "User", "username", reloadable=True),
    _row("authorization.password", K.STRING, "Password, may be a bcrypt or argon2 hash", "pass",
         secret=True, reloadable=True),
    _row("authorization.timeout", K.SECONDS, "Time to send CONNECT", unit="seconds",
         reloadable=True),
    _row("authorization.token", K.STRING, "Not for routes", secret=True),
    _row("authorization.users", K.LIST, "Not for routes"),
    _row("authorization.permissions", K.ANY, "The same as permissions, deprecated"),
    *tls_rows("cluster.tls"),
    _row("name", K.STRING, "Name of the cluster",
         flag=Flag(("cluster_name",), "<string>", "Cluster",
                   "Cluster Name, if not set one will be dynamically generated")),
    _row("url", K.ACTION, "Cluster URL for solicited routes",
         flag=Flag(("cluster", "cluster_listen"), "<cluster-url>", "Cluster")),
    _row("routes", K.STRINGS, "Routes to solicit and connect", reloadable=True,
         flag=Flag(("routes",), "<rurl-1, rurl-2>", "Cluster")),
    _row("advertise", K.STRING, "Cluster URL to advertise to other servers",
         "cluster_advertise", reloadable=True,
         flag=Flag(("cluster_advertise",), "<string>", "Cluster")),
    _row("no_advertise", K.BOOL, "Do not tell clients of the other servers", default=False,
         reloadable=True,
         flag=Flag(("no_advertise",), "", "Cluster",
                   "Do not advertise known cluster information to clients")),
    _row("connect_retries", K.INTEGER, "For implicit routes, number of connect retries",
         default=0, reloadable=True,
         flag=Flag(("connect_retries",), "<number>", "Cluster")),
    _row("connect_backoff", K.BOOL, "Wait longer after each attempt", default=False,
         since="2.12", reloadable=True),
    *(
        replace(row, reloadable=True)
        for row in permissions_rows("cluster.permissions")
    ),
    _row("pool_size", K.INTEGER, "Connections to each server; -1 for one without a pool",
         default=3, since="2.10"),
    _row("accounts", K.STRINGS, "Accounts with a connection of their own", since="2.10"),
    _row("compression", K.ANY, "off: nothing else is built", since="2.10"),
    _row("compression.mode", K.STRING, "Likewise", unsupported=_COMPRESSION),
    _row("compression.rtt_thresholds", K.LIST, "Round trip times of s2_auto",
         "thresholds", "rtts", "rtt", unsupported=_COMPRESSION),
    _row("ping_interval", K.DURATION, "Time between PINGs, at most 30 seconds", unit="seconds",
         reloadable=True),
    _row("ping_max", K.INTEGER, "PINGs without an answer", reloadable=True),
    _row("write_deadline", K.DURATION, "Time without progress in writing", unit="seconds",
         reloadable=True),
    _row("write_timeout", K.CHOICE, "What happens when it has passed",
         choices=("default", "close", "retry"), default="default", reloadable=True),
)  # fmt: skip

"""The rows about other clusters of the same system."""

from __future__ import annotations

from typing import Any

from pubsub.config.row import Option
from pubsub.config.row import ValueKind as K
from pubsub.config.table_tls import tls_rows

__all__ = ["ROWS"]


def _row(name: str, kind: K, description: str, *aliases: str, **keywords: Any) -> Option:
    return Option(f"gateway.{name}", kind, description, aliases, attribute=None, **keywords)


_AUTHORIZATION = (
    _row("authorization", K.BLOCK, "What other clusters have to say"),
    _row("authorization.user", K.STRING, "User", "username"),
    _row("authorization.password", K.STRING, "Password, may be a bcrypt or argon2 hash", "pass",
         secret=True),
    _row("authorization.timeout", K.SECONDS, "Time to send CONNECT", unit="seconds"),
    _row("authorization.token", K.STRING, "Not for gateways", secret=True),
    _row("authorization.users", K.LIST, "Not for gateways"),
    _row("authorization.auth_callout", K.BLOCK, "Not for gateways", "auth_hook"),
    _row("authorization.permissions", K.ANY, "Ignored, as by nats-server", "default_permission",
         "default_permissions"),
)  # fmt: skip

_REMOTES = (
    _row("gateways", K.LIST, "The other clusters; this one may be among them"),
    _row("gateways.name", K.STRING, "Name of a cluster"),
    _row("gateways.url", K.STRING, "Where one of its servers is: nats://user:password@host:7222"),
    _row("gateways.urls", K.STRINGS, "Where several of its servers are"),
    *tls_rows("gateway.gateways.tls"),
)  # fmt: skip

ROWS = (
    Option("gateway", K.BLOCK, "Connections to other clusters", since="2.0",
           attribute="gateway", go_name="Gateway"),
    _row("name", K.STRING, "Name of this cluster; that of cluster must be the same"),
    _row("listen", K.ADDRESS, "Address to listen on; there are no gateways without one"),
    _row("host", K.STRING, "Host to listen on", "net"),
    _row("port", K.PORT, "Port to listen on; as a rule 7222"),
    *_AUTHORIZATION,
    *tls_rows("gateway.tls"),
    _row("advertise", K.STRING, "host:port to advertise to other clusters"),
    _row("connect_retries", K.INTEGER, "For clusters others told of, number of connect retries",
         default=0),
    _row("connect_backoff", K.BOOL, "Wait longer after each attempt", default=False,
         since="2.12"),
    *_REMOTES,
    _row("reject_unknown_cluster", K.BOOL, "Refuse clusters not listed here", "reject_unknown",
         default=False),
    _row("write_deadline", K.DURATION, "Time without progress in writing", unit="seconds"),
    _row("write_timeout", K.CHOICE, "What happens when it has passed",
         choices=("default", "close", "retry"), default="default"),
)  # fmt: skip

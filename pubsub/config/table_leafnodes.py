"""The rows about leaf nodes: those that connect to this server, and those it connects to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pubsub.config.row import Option
from pubsub.config.row import ValueKind as K
from pubsub.config.table_tls import tls_rows

__all__ = ["ROWS"]

_WEBSOCKET = "leaf nodes over WebSocket"
_JETSTREAM = "JetStream"
_COMPRESSION = "compression"


def _row(name: str, kind: K, description: str, *aliases: str, **keywords: Any) -> Option:
    keywords.setdefault("reloadable", not keywords.get("unsupported"))
    return Option(f"leafnodes.{name}", kind, description, aliases, attribute=None, **keywords)


def _remote(name: str, kind: K, description: str, *aliases: str, **keywords: Any) -> Option:
    return _row(f"remotes.{name}", kind, description, *aliases, **keywords)


def _tls(path: str) -> tuple[Option, ...]:
    return tuple(replace(row, reloadable=not row.unsupported) for row in tls_rows(path))


_AUTHORIZATION = (
    _row("authorization", K.BLOCK, "Which leaf nodes may connect"),
    _row("authorization.user", K.STRING, "User", "username"),
    _row("authorization.password", K.STRING, "Password, may be a bcrypt or argon2 hash", "pass",
         secret=True),
    _row("authorization.nkey", K.STRING, "Public key, instead of user and password"),
    _row("authorization.account", K.STRING, "Account of the user or the nkey"),
    _row("authorization.timeout", K.SECONDS, "Time to send CONNECT", unit="seconds"),
    _row("authorization.users", K.LIST, "Several users, each with an account"),
    _row("authorization.users.user", K.STRING, "User", "username"),
    _row("authorization.users.password", K.STRING, "Password", "pass", secret=True),
    _row("authorization.users.account", K.STRING, "Account"),
    _row("authorization.users.proxy_required", K.BOOL, "Only through a trusted proxy"),
    _row("authorization.proxy_required", K.BOOL, "Only through a trusted proxy"),
)  # fmt: skip

_REMOTES = (
    _row("remotes", K.LIST, "Servers to connect to as a leaf node"),
    _remote("urls", K.STRINGS, "Where it is: nats-leaf://user:password@host:7422", "url"),
    _remote("no_randomize", K.BOOL, "Try the URLs in their order", "dont_randomize"),
    _remote("account", K.STRING, "Local account", "local"),
    _remote("credentials", K.STRING, "Credentials file", "creds"),
    _remote("nkey", K.STRING, "Seed of an nkey", "seed", secret=True),
    *_tls("leafnodes.remotes.tls"),
    _remote("hub", K.BOOL, "This server is the hub"),
    _remote("deny_imports", K.STRINGS, "Subjects not to import", "deny_import"),
    _remote("deny_exports", K.STRINGS, "Subjects not to export", "deny_export"),
    _remote("ws_compression", K.BOOL, "Compress WebSocket frames", "ws_compress",
            "websocket_compress", "websocket_compression", unsupported=_WEBSOCKET),
    _remote("ws_no_masking", K.BOOL, "Do not mask WebSocket frames", "websocket_no_masking",
            unsupported=_WEBSOCKET),
    _remote("jetstream_cluster_migrate", K.ANY, "Move leaders away when disconnected",
            "js_cluster_migrate", unsupported=_JETSTREAM),
    _remote("isolate_leafnode_interest", K.BOOL, "Keep local leaf nodes from it", "isolate"),
    _remote("request_isolation", K.BOOL, "Ask it to keep its leaf nodes from this one"),
    _remote("compression", K.ANY, "off: nothing else is built", since="2.10"),
    _remote("first_info_timeout", K.DURATION, "Time to wait for INFO"),
    _remote("dial_timeout", K.DURATION, "Time to connect"),
    _remote("disabled", K.BOOL, "Do not connect"),
    _remote("proxy", K.BLOCK, "HTTP proxy to connect through", since="2.14"),
    _remote("proxy.url", K.STRING, "Where it is: http://host:port", secret=True),
    _remote("proxy.username", K.STRING, "User"),
    _remote("proxy.password", K.STRING, "Password", secret=True),
    _remote("proxy.timeout", K.DURATION, "Time for the proxy to connect", unit="seconds"),
    _remote("ignore_discovered_servers", K.BOOL, "Only use the URLs given here"),
)  # fmt: skip

ROWS = (
    Option("leafnodes", K.BLOCK, "Connections of leaf nodes", ("leaf",), since="2.0",
           attribute="leafnodes", reloadable=True, go_name="LeafNode"),
    _row("listen", K.ADDRESS, "Address to listen on; nobody listens without one",
         reloadable=False),
    _row("host", K.STRING, "Host to listen on", "net", reloadable=False),
    _row("port", K.PORT, "Port to listen on; as a rule 7422", reloadable=False),
    *_AUTHORIZATION,
    *_tls("leafnodes.tls"),
    _row("reconnect", K.DURATION, "Time between two attempts", "reconnect_delay",
         "reconnect_interval", default=1.0, unit="seconds"),
    _row("dial_timeout", K.DURATION, "Time to connect", default=1.0, unit="seconds"),
    _row("advertise", K.STRING, "host:port to advertise to leaf nodes", "leafnode_advertise",
         reloadable=False),
    _row("no_advertise", K.BOOL, "Do not tell leaf nodes of other servers", default=False,
         reloadable=False),
    _row("min_version", K.STRING, "Oldest version of a leaf node", "minimum_version"),
    _row("compression", K.ANY, "off: nothing else is built", since="2.10"),
    _row("compression.mode", K.STRING, "Likewise", unsupported=_COMPRESSION),
    _row("compression.rtt_thresholds", K.LIST, "Round trip times of s2_auto",
         "thresholds", "rtts", "rtt", unsupported=_COMPRESSION),
    _row("isolate_leafnode_interest", K.BOOL, "Keep leaf nodes from each other", "isolate",
         default=False, reloadable=False),
    _row("write_deadline", K.DURATION, "Time a write may take", unit="seconds"),
    _row("write_timeout", K.CHOICE, "What happens when it has passed",
         choices=("default", "close", "retry"), default="default"),
    *_REMOTES,
)  # fmt: skip

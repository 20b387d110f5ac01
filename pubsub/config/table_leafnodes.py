"""The rows about leaf nodes: those that connect to this server, and those it connects to."""

from __future__ import annotations

from pubsub.config.row import Option
from pubsub.config.row import ValueKind as K
from pubsub.config.table_cluster import compression_rows, listener_rows, writing_rows

__all__ = ["ROWS"]

_LEAF = "the leaf node protocol"


def _remote(name: str, kind: K, description: str, *aliases: str) -> Option:
    return Option(f"leafnodes.remotes.{name}", kind, description, aliases, unsupported=_LEAF)


ROWS = (
    *listener_rows("leafnodes", _LEAF, "Connections of leaf nodes", "leaf"),
    Option("leafnodes.authorization.nkey", K.STRING, "Public key",
           unsupported=_LEAF),
    Option("leafnodes.authorization.account", K.STRING, "Account of leaf nodes",
           unsupported=_LEAF),
    Option("leafnodes.authorization.users", K.LIST, "Users of leaf nodes", unsupported=_LEAF),
    Option("leafnodes.authorization.proxy_required", K.BOOL, "Only through a trusted proxy",
           unsupported=_LEAF),
    Option("leafnodes.reconnect", K.DURATION, "Time between two attempts",
           ("reconnect_delay", "reconnect_interval"), default="1s", unsupported=_LEAF),
    Option("leafnodes.dial_timeout", K.DURATION, "Time to connect",
           unsupported=_LEAF),
    Option("leafnodes.advertise", K.STRING, "URL to advertise", ("leafnode_advertise",),
           unsupported=_LEAF),
    Option("leafnodes.no_advertise", K.BOOL, "Do not tell leaf nodes of other servers",
           unsupported=_LEAF),
    Option("leafnodes.min_version", K.STRING, "Oldest version of a leaf node",
           ("minimum_version",), unsupported=_LEAF),
    *compression_rows("leafnodes", _LEAF, "s2_auto"),
    Option("leafnodes.isolate_leafnode_interest", K.BOOL, "Keep leaf nodes from each other",
           ("isolate",), unsupported=_LEAF),
    *writing_rows("leafnodes", _LEAF),
    Option("leafnodes.remotes", K.LIST, "Servers to connect to as a leaf node",
           unsupported=_LEAF),
    _remote("urls", K.STRINGS, "Where it is", "url"),
    _remote("no_randomize", K.BOOL, "Try the URLs in their order", "dont_randomize"),
    _remote("account", K.STRING, "Local account", "local"),
    _remote("credentials", K.STRING, "Credentials file", "creds"),
    _remote("nkey", K.STRING, "Seed of an nkey", "seed"),
    _remote("tls", K.BLOCK, "Encryption, as tls"),
    _remote("hub", K.BOOL, "This server is the hub"),
    _remote("deny_imports", K.STRINGS, "Subjects not to import", "deny_import"),
    _remote("deny_exports", K.STRINGS, "Subjects not to export", "deny_export"),
    _remote("ws_compression", K.BOOL, "Compress WebSocket frames", "ws_compress",
            "websocket_compress", "websocket_compression"),
    _remote("ws_no_masking", K.BOOL, "Do not mask WebSocket frames", "websocket_no_masking"),
    _remote("jetstream_cluster_migrate", K.ANY, "Move leaders away when disconnected",
            "js_cluster_migrate"),
    _remote("isolate_leafnode_interest", K.BOOL, "Keep local leaf nodes from it", "isolate"),
    _remote("request_isolation", K.BOOL, "Ask it to keep its leaf nodes from this one"),
    _remote("compression", K.ANY, "As leafnodes.compression"),
    _remote("first_info_timeout", K.DURATION, "Time to wait for INFO"),
    _remote("dial_timeout", K.DURATION, "Time to connect"),
    _remote("disabled", K.BOOL, "Do not connect"),
    _remote("proxy", K.BLOCK, "HTTP proxy: url, username, password, timeout"),
    _remote("ignore_discovered_servers", K.BOOL, "Only use the URLs given here"),
)  # fmt: skip

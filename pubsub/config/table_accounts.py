"""The rows about accounts: who shares subjects, and what crosses their borders."""

from __future__ import annotations

from typing import Any

from pubsub.config.row import Option
from pubsub.config.row import ValueKind as K
from pubsub.config.table_authorization import permissions_rows, user_rows

__all__ = ["ROWS", "mapping_rows"]

_JETSTREAM = "JetStream"
_TRACING = "message tracing across servers"


def mapping_rows(path: str) -> tuple[Option, ...]:
    """The rows of what stands in a ``mappings`` block at ``path``."""

    def row(name: str, kind: K, description: str, *aliases: str, unit: str = "") -> Option:
        return Option(f"{path}.*{name}", kind, description, aliases, unit=unit, attribute=None)

    return (
        row("", K.ANY, "A subject, a destination map, or a list of these"),
        row(".destination", K.STRING, "Subject to map to", "dest"),
        row(".weight", K.INTEGER, 'Share of the messages: 0 to 100, or "20%"', unit="percent"),
        row(".cluster", K.STRING, "Only in the cluster of that name"),
    )


def _row(name: str, kind: K, description: str, *aliases: str, **keywords: Any) -> Option:
    keywords.setdefault("reloadable", not keywords.get("unsupported"))
    return Option(f"accounts.*.{name}", kind, description, aliases, attribute=None, **keywords)


_ACCOUNTS = (
    Option("accounts", K.MAP, "Accounts by name, or a list of names", since="2.0",
           reloadable=True),
    Option("accounts.*", K.BLOCK, "One account", attribute=None, reloadable=True),
    _row("nkey", K.STRING, "Public key of the account"),
    _row("users", K.LIST, "Its users, as in authorization"),
    *user_rows("accounts.*.users"),
    *permissions_rows("accounts.*.default_permissions"),
    _row("mappings", K.MAP, "Its subject mappings, as at the top level", "maps"),
    *mapping_rows("accounts.*.mappings"),
    _row("limits", K.BLOCK, "Its limits"),
    _row("limits.max_connections", K.INTEGER, "Connections; -1 for any number", "max_conn",
         default=-1),
    _row("limits.max_subscriptions", K.INTEGER, "Subscriptions of each connection", "max_subs",
         default=-1),
    _row("limits.max_payload", K.SIZE, "Largest message", "max_pay", unit="bytes", default=-1),
    _row("limits.max_leafnodes", K.INTEGER, "Leaf nodes", "max_leafs", default=-1),
    _row("msg_trace", K.ANY, "Where message traces go", "trace_dest", since="2.11",
         unsupported=_TRACING),
    _row("msg_trace.dest", K.STRING, "Subject of the traces", unsupported=_TRACING),
    _row("msg_trace.sampling", K.ANY, "Share of the messages", unsupported=_TRACING),
)  # fmt: skip

_BORDERS = (
    _row("exports", K.LIST, "What other accounts may import"),
    _row("exports.stream", K.STRING, "Subject others may subscribe to"),
    _row("exports.service", K.STRING, "Subject others may send requests to"),
    _row("exports.accounts", K.LIST, "Accounts that may; all if there is none"),
    _row("exports.response_type", K.STRING, "Answers to a request: single, stream or chunked",
         "response", default="single"),
    _row("exports.response_threshold", K.STRICT_DURATION, "Longest time for an answer",
         "threshold", "response_max_time", "response_time", since="2.2", default=120.0),
    _row("exports.latency", K.ANY,
         "Measure how long answers take: the subject of the measurements, or a block"),
    _row("exports.latency.subject", K.STRING, "Subject of the measurements"),
    _row("exports.latency.sampling", K.ANY,
         'Share of the requests: 1 to 100, "20%", or "headers" for those with tracing headers',
         unit="percent", default=100),
    _row("exports.account_token_position", K.INTEGER,
         "Place of the ``*`` in the subject that stands for the importer's name; 1 is the first",
         since="2.2"),
    _row("exports.allow_trace", K.BOOL, "Traces may cross the border", since="2.11",
         default=False, unsupported=_TRACING),
    _row("imports", K.LIST, "What it takes from other accounts"),
    _row("imports.stream", K.BLOCK, "A stream of another account"),
    _row("imports.stream.account", K.STRING, "Name of the account"),
    _row("imports.stream.subject", K.STRING, "Its subject there"),
    _row("imports.service", K.BLOCK, "A service of another account"),
    _row("imports.service.account", K.STRING, "Name of the account"),
    _row("imports.service.subject", K.STRING, "Its subject there"),
    _row("imports.prefix", K.STRING, "Prefix for the subjects of a stream; excludes to"),
    _row("imports.to", K.STRING, "Subject over here; the same by default"),
    _row("imports.share", K.BOOL, "Tell the exporter of a service who asks", since="2.2",
         default=False),
    _row("imports.allow_trace", K.BOOL, "Traces may cross the border", since="2.11",
         default=False, unsupported=_TRACING),
)  # fmt: skip


def _jetstream(name: str, kind: K, description: str, *aliases: str, since: str = "") -> Option:
    return _row(f"jetstream{name}", kind, description, *aliases, since=since,
                unsupported=_JETSTREAM)  # fmt: skip


_STREAMS = (
    _jetstream("", K.ANY, "JetStream for the account, and its limits", since="2.2"),
    _jetstream(".max_memory", K.SIZE, "Memory", "max_mem", "mem", "memory"),
    _jetstream(".max_store", K.SIZE, "Disk", "max_file", "max_disk", "store", "disk"),
    _jetstream(".max_streams", K.INTEGER, "Streams", "streams"),
    _jetstream(".max_consumers", K.INTEGER, "Consumers", "consumers"),
    _jetstream(".max_bytes_required", K.BOOL, "Streams must say max_bytes",
               "max_stream_bytes", "max_bytes"),
    _jetstream(".mem_max_stream_bytes", K.SIZE, "Largest stream in memory",
               "memory_max_stream_bytes"),
    _jetstream(".disk_max_stream_bytes", K.SIZE, "Largest stream on disk",
               "store_max_stream_bytes"),
    _jetstream(".max_ack_pending", K.INTEGER, "Largest max_ack_pending"),
    _jetstream(".cluster_traffic", K.CHOICE, "Account of replication"),
)  # fmt: skip

_SYSTEM = (
    Option("system_account", K.STRING, "Name of the system account, or its public key",
           ("system",), zero_is_default=True, go_name="SystemAccount"),
    Option("no_system_account", K.BOOL, "Run without a system account",
           ("no_system", "no_sys_acc"), go_name="NoSystemAccount"),
)  # fmt: skip

ROWS = (*_ACCOUNTS, *_BORDERS, *_STREAMS, *_SYSTEM)

"""The rows about who may connect: authorization, TLS, accounts, operators, OCSP, proxies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pubsub.config.row import Flag, Option
from pubsub.config.row import ValueKind as K

__all__ = ["ROWS", "permissions_rows", "tls_rows"]

_USERS = "a list of users with permissions"
_ACCOUNTS = "multi-tenancy with accounts"
_OPERATOR = "operator mode with JWTs"
_CALLOUT = "auth callout"
_PROXIES = "proxy authentication"
_OCSP = "OCSP"
_CERT_STORE = "the Windows certificate store"


def permissions_rows(path: str, feature: str, *aliases: str) -> tuple[Option, ...]:
    """The rows of a permissions block at ``path``."""
    return (
        Option(
            path,
            K.BLOCK,
            "What a user may publish and subscribe to",
            aliases=aliases,
            unsupported=feature,
        ),
        Option(
            f"{path}.publish",
            K.ANY,
            "Subjects, or allow and deny lists",
            aliases=("pub", "import"),
            unsupported=feature,
        ),
        Option(
            f"{path}.subscribe",
            K.ANY,
            "Subjects and queue groups, or allow and deny lists",
            aliases=("sub", "export"),
            unsupported=feature,
        ),
        Option(
            f"{path}.allow_responses",
            K.ANY,
            "Publishing to reply subjects of messages that were received",
            aliases=("publish_allow_responses",),
            unsupported=feature,
        ),
    )


_AUTHORIZATION = (
    Option("authorization", K.BLOCK, "Who may connect", reloadable=True),
    Option(
        "authorization.user",
        K.STRING,
        "User required for connections",
        aliases=("username",),
        reloadable=True,
        flag=Flag(("user",), "<user>", "Authorization"),
    ),
    Option(
        "authorization.password",
        K.STRING,
        "Password required for connections, may be bcrypted",
        aliases=("pass",),
        reloadable=True,
        secret=True,
        flag=Flag(("pass",), "<password>", "Authorization", "Password required for connections"),
    ),
    Option(
        "authorization.token",
        K.STRING,
        "Authorization token required for connections",
        reloadable=True,
        secret=True,
        flag=Flag(("auth",), "<token>", "Authorization"),
    ),
    Option(
        "authorization.timeout",
        K.SECONDS,
        "Time to send CONNECT; with TLS one second more than tls.timeout by default",
        unit="seconds",
        zero_is_default=True,
        reloadable=True,
    ),
    Option(
        "authorization.plugin",
        K.STRING,
        "Name of an authenticator plugin",
        since="pubsub 0.1",
        reloadable=True,
    ),
    Option(
        "authorization.options",
        K.ANY,
        "Handed to the authenticator plugin",
        since="pubsub 0.1",
        reloadable=True,
        secret=True,
    ),
    Option("authorization.users", K.LIST, "Users", unsupported=_USERS),
    Option(
        "authorization.users.user",
        K.STRING,
        "Name of a user",
        aliases=("username",),
        unsupported=_USERS,
    ),
    Option(
        "authorization.users.password",
        K.STRING,
        "Password of a user, may be bcrypted",
        aliases=("pass",),
        secret=True,
        unsupported=_USERS,
    ),
    Option("authorization.users.nkey", K.STRING, "Public key of a user", unsupported=_USERS),
    *permissions_rows("authorization.users.permissions", _USERS, "permission", "authorization"),
    Option(
        "authorization.users.allowed_connection_types",
        K.STRINGS,
        "STANDARD, WEBSOCKET, LEAFNODE, MQTT, IN_PROCESS…",
        aliases=("connection_types", "clients"),
        since="2.2",
        unsupported=_USERS,
    ),
    Option(
        "authorization.users.proxy_required",
        K.BOOL,
        "Only through a trusted proxy",
        since="2.12",
        default=False,
        unsupported=_PROXIES,
    ),
    *permissions_rows(
        "authorization.default_permissions", _USERS, "default_permission", "permissions"
    ),
    Option(
        "authorization.auth_callout",
        K.BLOCK,
        "Ask a service who may connect",
        aliases=("auth_hook",),
        since="2.10",
        unsupported=_CALLOUT,
    ),
    Option(
        "authorization.auth_callout.issuer",
        K.STRING,
        "Public key that signs the answers",
        unsupported=_CALLOUT,
    ),
    Option(
        "authorization.auth_callout.account",
        K.STRING,
        "Account of the service",
        aliases=("acc",),
        unsupported=_CALLOUT,
    ),
    Option(
        "authorization.auth_callout.auth_users",
        K.STRINGS,
        "Users the service itself connects as",
        aliases=("users",),
        unsupported=_CALLOUT,
    ),
    Option(
        "authorization.auth_callout.xkey",
        K.STRING,
        "Public key to encrypt requests with",
        aliases=("key",),
        unsupported=_CALLOUT,
    ),
    Option(
        "authorization.auth_callout.allowed_accounts",
        K.STRINGS,
        "Accounts that may be answered",
        since="2.12",
        unsupported=_CALLOUT,
    ),
    Option(
        "authorization.proxy_required",
        K.BOOL,
        "Accept clients only through a trusted proxy",
        since="2.12",
        default=False,
        unsupported=_PROXIES,
    ),
    Option(
        "no_auth_user",
        K.STRING,
        "The user of clients that send no credentials",
        since="2.2",
        unsupported=_USERS,
    ),
    Option("proxies", K.BLOCK, "Proxies that may vouch", since="2.12", unsupported=_PROXIES),
    Option("proxies.trusted", K.LIST, "The proxies that are trusted", unsupported=_PROXIES),
    Option(
        "proxies.trusted.key",
        K.STRING,
        "Public key of a proxy",
        aliases=("public_key",),
        unsupported=_PROXIES,
    ),
)


def _tls(name: str, kind: K, description: str, **keywords: Any) -> Option:
    keywords.setdefault("reloadable", True)
    return Option(f"tls.{name}", kind, description, **keywords)


def _flag(name: str, argument: str, description: str) -> Flag:
    return Flag((name,), argument, "TLS", description)


_TLS_BLOCK = (
    Option(
        "tls",
        K.BLOCK,
        "Encryption",
        reloadable=True,
        flag=_flag("tls", "", "Enable TLS, do not verify clients"),
    ),
    _tls(
        "cert_file",
        K.STRING,
        "Server certificate file",
        flag=_flag("tlscert", "<file>", "Server certificate file"),
    ),
    _tls(
        "key_file",
        K.STRING,
        "Private key for server certificate",
        flag=_flag("tlskey", "<file>", "Private key for server certificate"),
    ),
    _tls(
        "ca_file",
        K.STRING,
        "Client certificate CA for verification",
        flag=_flag("tlscacert", "<file>", "Client certificate CA for verification"),
    ),
    _tls(
        "verify",
        K.BOOL,
        "Verify client certificates",
        flag=_flag("tlsverify", "", "Enable TLS, verify client certificates"),
    ),
    _tls("insecure", K.BOOL, "Do not verify servers when connecting out"),
    _tls("timeout", K.SECONDS, "Time for the handshake", unit="seconds", zero_is_default=True),
    _tls(
        "handshake_first",
        K.ANY,
        'Handshake before INFO: true, false, "auto" or the time after which INFO goes first',
        aliases=("first", "immediate"),
        since="2.10",
    ),
    _tls(
        "pinned_certs",
        K.STRINGS,
        "SHA-256 of the public keys of accepted clients, hexadecimal",
    ),
    _tls("cipher_suites", K.STRINGS, "Cipher suites, see --help_tls"),
    _tls("curve_preferences", K.STRINGS, "Elliptic curves, see --help_tls"),
    _tls("min_version", K.CHOICE, "Oldest version", choices=("1.2", "1.3")),
    _tls(
        "connection_rate_limit",
        K.INTEGER,
        "Handshakes a second; 0 for any number",
        since="2.7",
        minimum=0,
        reloadable=False,
        go_name="TLSRateLimit",
    ),
    _tls(
        "certs",
        K.LIST,
        "More certificates, chosen by server name",
        aliases=("certificates",),
    ),
    _tls("certs.cert_file", K.STRING, "Server certificate file", attribute=None),
    _tls("certs.key_file", K.STRING, "Private key for it", attribute=None),
    _tls(
        "allow_insecure_cipher_suites",
        K.BOOL,
        "Accept cipher suites that are known to be weak",
        default=False,
        attribute=None,
    ),
    _tls(
        "verify_and_map",
        K.BOOL,
        "Verify client certificates, and take the user from them",
        default=False,
        unsupported="mapping TLS certificates to users",
    ),
    _tls(
        "verify_cert_and_check_known_urls",
        K.BOOL,
        "Verify that certificates are for the URLs of known servers",
        default=False,
        unsupported="checking certificates against known URLs",
    ),
    _tls(
        "ocsp_peer",
        K.ANY,
        "Ask OCSP responders about client certificates",
        since="2.10",
        default=False,
        unsupported=_OCSP,
    ),
    *(
        _tls(name, K.STRING, description, unsupported=_CERT_STORE)
        for name, description in (
            ("cert_store", "Certificate store of the operating system"),
            ("cert_match", "What to look for in the store"),
            ("cert_match_by", "Issuer, Subject or Thumbprint"),
            ("ca_certs_match", "CA certificates to look for in the store"),
            ("cert_match_skip_invalid", "Skip certificates that have expired"),
        )
    ),
)


def tls_rows(path: str, feature: str) -> tuple[Option, ...]:
    """The rows of another tls block, at ``path``, that belongs to a feature we do not have."""
    return tuple(
        replace(
            row,
            path=path + row.path.removeprefix("tls"),
            unsupported=feature,
            reloadable=False,
            flag=None,
        )
        for row in _TLS_BLOCK
    )


_TLS = (
    *_TLS_BLOCK,
    Option(
        "allow_non_tls",
        K.BOOL,
        "Accept clients without TLS on the same port",
        since="2.2",
        go_name="AllowNonTLS",
    ),
    Option("ocsp", K.ANY, "OCSP stapling", since="2.3", default=False, unsupported=_OCSP),
    Option("ocsp.mode", K.CHOICE, "When to staple", unsupported=_OCSP,
           choices=("auto", "always", "must", "never")),
    Option("ocsp.urls", K.STRINGS, "Responders to ask instead", aliases=("url",),
           unsupported=_OCSP),
    Option("ocsp_cache", K.ANY, "Answers of OCSP responders to keep", since="2.10",
           default=False, unsupported=_OCSP),
    Option("ocsp_cache.type", K.CHOICE, "Where to keep them", choices=("none", "local"),
           unsupported=_OCSP),
    Option("ocsp_cache.local_store", K.STRING, "Directory to keep them in", unsupported=_OCSP),
    Option("ocsp_cache.preserve_revoked", K.BOOL, "Keep revocations for good",
           unsupported=_OCSP),
    Option("ocsp_cache.save_interval", K.DURATION, "Time between two savings",
           unsupported=_OCSP),
)  # fmt: skip


def _accounts() -> tuple[Option, ...]:
    def row(name: str, kind: K, description: str, *aliases: str, since: str = "") -> Option:
        return Option(f"accounts.*.{name}", kind, description, aliases, since=since,
                      unsupported=_ACCOUNTS)  # fmt: skip

    return (
        Option("accounts", K.MAP, "Accounts", unsupported=_ACCOUNTS),
        Option("accounts.*", K.BLOCK, "One account", unsupported=_ACCOUNTS),
        row("nkey", K.STRING, "Public key of the account"),
        row("users", K.LIST, "Its users, as in authorization"),
        row("default_permissions", K.BLOCK, "Permissions of users that have none"),
        row("mappings", K.MAP, "Its subject mappings", "maps"),
        row("limits", K.BLOCK, "Its limits"),
        row("limits.max_connections", K.INTEGER, "Connections", "max_conn"),
        row("limits.max_subscriptions", K.INTEGER, "Subscriptions", "max_subs"),
        row("limits.max_payload", K.SIZE, "Largest message", "max_pay"),
        row("limits.max_leafnodes", K.INTEGER, "Leaf nodes", "max_leafs"),
        row("msg_trace", K.ANY, "Where message traces go", "trace_dest", since="2.11"),
        row("msg_trace.dest", K.STRING, "Subject of the traces"),
        row("msg_trace.sampling", K.ANY, "Share of the messages"),
        row("exports", K.LIST, "What other accounts may import"),
        row("exports.stream", K.STRING, "Subject others may subscribe to"),
        row("exports.service", K.STRING, "Subject others may send requests to"),
        row("exports.accounts", K.STRINGS, "Accounts that may; all if there is none"),
        row("exports.response_type", K.CHOICE, "single, stream or chunked", "response"),
        row("exports.response_threshold", K.DURATION, "Longest time for an answer",
            "threshold", "response_max_time", "response_time"),
        row("exports.latency", K.ANY, "Measure how long answers take"),
        row("exports.account_token_position", K.INTEGER, "Token with the importer's name"),
        row("exports.allow_trace", K.BOOL, "Traces may cross the border", since="2.11"),
        row("imports", K.LIST, "What it takes from other accounts"),
        row("imports.stream", K.BLOCK, "Account and subject of a stream"),
        row("imports.service", K.BLOCK, "Account and subject of a service"),
        row("imports.prefix", K.STRING, "Prefix for the subjects of a stream"),
        row("imports.to", K.STRING, "Local subject"),
        row("imports.share", K.BOOL, "Tell the exporter who asks"),
        row("imports.allow_trace", K.BOOL, "Traces may cross the border", since="2.11"),
        row("jetstream", K.ANY, "JetStream for the account, and its limits", since="2.2"),
        row("jetstream.max_memory", K.SIZE, "Memory", "max_mem", "mem", "memory"),
        row("jetstream.max_store", K.SIZE, "Disk", "max_file", "max_disk", "store", "disk"),
        row("jetstream.max_streams", K.INTEGER, "Streams", "streams"),
        row("jetstream.max_consumers", K.INTEGER, "Consumers", "consumers"),
        row("jetstream.max_bytes_required", K.BOOL, "Streams must say max_bytes",
            "max_stream_bytes", "max_bytes"),
        row("jetstream.mem_max_stream_bytes", K.SIZE, "Largest stream in memory",
            "memory_max_stream_bytes"),
        row("jetstream.disk_max_stream_bytes", K.SIZE, "Largest stream on disk",
            "store_max_stream_bytes"),
        row("jetstream.max_ack_pending", K.INTEGER, "Largest max_ack_pending"),
        row("jetstream.cluster_traffic", K.CHOICE, "Account of replication"),
    )  # fmt: skip


_ACCOUNT_ROWS = (
    *_accounts(),
    Option("system_account", K.STRING, "The system account", ("system",),
           default="$SYS", unsupported=_ACCOUNTS),
    Option("no_system_account", K.BOOL, "Run without a system account",
           ("no_system", "no_sys_acc"), default=False, unsupported=_ACCOUNTS),
    Option("default_sentinel", K.STRING, "JWT of users without credentials",
           unsupported=_CALLOUT),
    Option("operator", K.STRINGS, "Operator JWTs, or their files",
           ("operators", "roots", "root", "root_operators", "root_operator"),
           unsupported=_OPERATOR),
    Option("resolver", K.ANY, "Where account JWTs come from",
           ("account_resolver", "accounts_resolver"), unsupported=_OPERATOR),
    Option("resolver.type", K.CHOICE, "Kind of resolver", choices=("full", "cache", "mem"),
           unsupported=_OPERATOR),
    Option("resolver.dir", K.STRING, "Directory of the JWTs", unsupported=_OPERATOR),
    Option("resolver.allow_delete", K.BOOL, "JWTs may be deleted", unsupported=_OPERATOR),
    Option("resolver.hard_delete", K.BOOL, "Remove deleted JWTs", unsupported=_OPERATOR),
    Option("resolver.limit", K.INTEGER, "JWTs to keep", unsupported=_OPERATOR),
    Option("resolver.ttl", K.STRICT_DURATION, "Time to keep them", unsupported=_OPERATOR),
    Option("resolver.interval", K.STRICT_DURATION, "Time between two exchanges",
           unsupported=_OPERATOR),
    Option("resolver.timeout", K.STRICT_DURATION, "Time to look one up", unsupported=_OPERATOR),
    *tls_rows("resolver_tls", _OPERATOR),
    Option("resolver_preload", K.MAP, "Account JWTs to begin with", unsupported=_OPERATOR),
    Option("resolver_pinned_accounts", K.STRINGS, "Accounts to trust alone", since="2.9",
           unsupported=_OPERATOR),
    Option("trusted_keys", K.STRINGS, "Public keys of operators", ("trusted",),
           unsupported=_OPERATOR),
)  # fmt: skip

ROWS = (*_AUTHORIZATION, *_TLS, *_ACCOUNT_ROWS)

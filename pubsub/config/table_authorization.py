"""The rows about who may connect, and what they may do."""

from __future__ import annotations

from typing import Any

from pubsub.config.row import Flag, Option
from pubsub.config.row import ValueKind as K

__all__ = ["ROWS", "permissions_rows", "user_rows"]


def _part(path: str, kind: K, description: str, *aliases: str, **keywords: Any) -> Option:
    """A row inside of a value: it has no attribute of Options for itself."""
    keywords.setdefault("attribute", None)
    keywords.setdefault("reloadable", not keywords.get("unsupported"))
    return Option(path, kind, description, aliases, **keywords)


def permissions_rows(
    path: str, *aliases: str, unsupported: str = "", attribute: str | None = None
) -> tuple[Option, ...]:
    """The rows of a permissions block at ``path``.

    :param attribute: see :class:`~pubsub.config.row.Option`.
    """

    def row(name: str, kind: K, description: str, *aliases: str) -> Option:
        return _part(f"{path}.{name}", kind, description, *aliases, unsupported=unsupported)

    return (
        _part(path, K.BLOCK, "What a user may publish and subscribe to", *aliases,
              attribute=attribute, unsupported=unsupported),
        row("publish", K.ANY, "Subjects, or allow and deny lists", "pub", "import"),
        row("publish.allow", K.STRINGS, "Only these subjects; an empty list allows all"),
        row("publish.deny", K.STRINGS, "Not these subjects"),
        row("subscribe", K.ANY, "Subjects and queue groups, or allow and deny lists",
            "sub", "export"),
        row("subscribe.allow", K.STRINGS,
            'Only these: "subject" or "subject queue"; an empty list allows all'),
        row("subscribe.deny", K.STRINGS, 'Not these: "subject" or "subject queue"'),
        row("allow_responses", K.ANY,
            "Publishing to reply subjects of messages that were received: true, or a block",
            "publish_allow_responses"),
        row("allow_responses.max", K.INTEGER,
            "Answers to each request: 1 by default, a negative number for any number",
            "max_msgs", "max_messages", "max_responses"),
        row("allow_responses.expires", K.STRICT_DURATION,
            'Time to answer: "2m" by default, negative for ever', "expiration", "ttl"),
    )  # fmt: skip


def user_rows(path: str) -> tuple[Option, ...]:
    """The rows of the users in a list at ``path``."""

    def row(name: str, kind: K, description: str, *aliases: str, **keywords: Any) -> Option:
        return _part(f"{path}.{name}", kind, description, *aliases, **keywords)

    return (
        row("user", K.STRING, "Name of a user", "username"),
        row("password", K.STRING, "Password of a user, may be a bcrypt or argon2 hash", "pass",
            secret=True),
        row("nkey", K.STRING, "Public key of a user, instead of name and password"),
        *permissions_rows(f"{path}.permissions", "permission", "authorization"),
        row("allowed_connection_types", K.STRINGS,
            "STANDARD, WEBSOCKET, LEAFNODE, LEAFNODE_WS, MQTT, MQTT_WS, IN_PROCESS; any by default",
            "connection_types", "clients", since="2.2"),
        row("proxy_required", K.BOOL, "Only through a trusted proxy", since="2.12",
            default=False),
    )  # fmt: skip


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
    Option(
        "authorization.plugins",
        K.LIST,
        "Several authenticator plugins, names or blocks, asked in this order",
        since="pubsub 0.2",
        reloadable=True,
    ),
    _part("authorization.plugins.plugin", K.STRING, "Name of a plugin", "name"),
    _part("authorization.plugins.options", K.ANY, "Handed to that plugin", secret=True),
    Option(
        "authorization.users",
        K.LIST,
        "Users",
        reloadable=True,
        attribute=".users",
    ),
    *user_rows("authorization.users"),
    *permissions_rows(
        "authorization.default_permissions",
        "default_permission",
        "permissions",
        attribute="default_permissions",
    ),
    Option(
        "authorization.proxy_required",
        K.BOOL,
        "Accept clients only through a trusted proxy",
        since="2.12",
        go_name="ProxyRequired",
    ),
)

_CALLOUT = (
    Option(
        "authorization.auth_callout",
        K.BLOCK,
        "Ask a service who may connect",
        aliases=("auth_hook",),
        since="2.10",
        attribute="auth_callout",
        go_name="AuthCallout",
    ),
    _part("authorization.auth_callout.issuer", K.STRING,
          "Public key of the account that signs answers",
          reloadable=False),
    _part("authorization.auth_callout.account", K.STRING, "Account of the service", "acc",
          default="$G", reloadable=False),
    _part("authorization.auth_callout.auth_users", K.LIST,
          "Users, by name or key, that are not asked about: the service itself", "users",
          reloadable=False),
    _part("authorization.auth_callout.xkey", K.STRING, "Public curve key to encrypt requests with",
          "key", reloadable=False),
    _part("authorization.auth_callout.allowed_accounts", K.LIST,
          "Accounts that may be answered; any by default", since="2.12", reloadable=False),
)  # fmt: skip

_OTHERS = (
    Option(
        "no_auth_user",
        K.STRING,
        "The user of clients that send no credentials",
        since="2.2",
        go_name="NoAuthUser",
    ),
    Option("proxies", K.BLOCK, "Proxies that may vouch for clients", since="2.12"),
    Option(
        "proxies.trusted",
        K.LIST,
        "The proxies that are trusted",
        reloadable=True,
        attribute=".trusted_proxies",
    ),
    _part("proxies.trusted.key", K.STRING, "Public key of a proxy", "public_key"),
)

ROWS = (*_AUTHORIZATION, *_CALLOUT, *_OTHERS)

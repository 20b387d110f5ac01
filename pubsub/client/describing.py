"""What a connection is called in the log, and what /connz shows of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.client.registry import KEPT_SUBSCRIPTIONS, NO_COUNTERS, ConnectionInfo
from pubsub.interfaces import GLOBAL_ACCOUNT
from pubsub.quoting import quoted

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["address", "describe", "issuer_key", "label", "violation_text", "who"]


def address(client: ClientProtocol) -> str:
    """``127.0.0.1:1234``, ``[::1]:1234``; ``pipe`` or ``unix`` for who has no address."""
    host = client.host
    if not host:
        return "pipe" if client.in_process else "unix"
    return f"[{host}]:{client.port}" if ":" in host else f"{host}:{client.port}"


def label(client: ClientProtocol) -> str:
    """``127.0.0.1:1234 - cid:5 - "v1.2:python:name" - "$G/user:u"``, as much as is known.

    Computed when needed: most connections are never mentioned.
    """
    text = f"{address(client)} - cid:{client.cid}"
    if not client.named:
        return text
    connect = client.connect
    software = (connect.version and f"v{connect.version}", connect.lang, connect.name)
    name = ":".join(filter(None, software))
    if name:
        text += f" - {quoted(name)}"
    user = _user_label(client)
    if user:
        text += f" - {quoted(f'{client.identity.account}/{user}')}"
    return text


def describe(client: ClientProtocol) -> ConnectionInfo:
    """Everything /connz can show, as it is now; with the subscriptions if it was closed."""
    link, connect, closed = client.link, client.connect, client.closed_state
    return ConnectionInfo(
        cid=client.cid,
        ip=client.host if client.port else "",
        port=client.port,
        start=client.start,
        last_activity=max(
            client.start, client.last_connect, link.last_activity if link is not None else 0.0
        ),
        rtt=client.rtt,
        counters=link.counters() if link is not None else NO_COUNTERS,
        name=connect.name,
        lang=connect.lang,
        version=connect.version,
        user=_user(client),
        account=link.account if link is not None else GLOBAL_ACCOUNT,
        tls=client.tls,
        tls_first=client.tls_first,
        stop=client.context.wall() if closed is not None else 0.0,
        reason=closed,
        subscriptions=tuple(link.subscriptions()[:KEPT_SUBSCRIPTIONS])
        if link is not None and closed is not None
        else (),
        jwt="" if client.identity.bearer else client.identity.jwt,
        issuer_key=issuer_key(client),
        tags=client.identity.tags,
    )


def issuer_key(client: ClientProtocol) -> str:
    """The key that stands for its account, ``""`` without keys (nats-server: issuerForClient)."""
    identity = client.identity
    return identity.issuer_key or (identity.account if identity.jwt or identity.nkey else "")


def violation_text(client: ClientProtocol) -> str:
    """What the log says when it is refused: nothing of what it showed but who it claims to be."""
    somebody = who(client)
    return f"authentication error - {somebody}" if somebody else "authentication error"


def who(client: ClientProtocol) -> str:
    """Who it is or claims to be, for the log; ``""`` if it does not say."""
    connect = client.connect
    if connect.nkey:
        return f"Nkey {quoted(connect.nkey)}"
    if connect.user:
        return f"User {quoted(connect.user)}"
    if client.identity.jwt:
        return f"JWT User {quoted(client.identity.user)}"
    return 'Token "[REDACTED]"' if connect.auth_token else ""


def _user(client: ClientProtocol) -> str:
    """Who it is, for /connz: a token is not shown.

    Whom the authenticators took it for counts more than what it called itself: auth callout
    and plugins may give another name.
    """
    connect = client.connect
    token = "[REDACTED]" if connect.auth_token else ""
    return client.identity.user or connect.nkey or connect.user or token


def _user_label(client: ClientProtocol) -> str:
    connect, identity = client.connect, client.identity
    if identity.user:
        kind = "jwt" if identity.jwt else "nkey" if identity.nkey else "user"
        return f"{kind}:{identity.user}"
    if connect.nkey:
        return f"nkey:{connect.nkey}"
    if connect.user:
        return f"user:{connect.user}"
    return "token" if connect.auth_token else ""

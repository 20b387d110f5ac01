"""Who wants to connect, and who that turned out to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pubsub.values.links import PeerKind

if TYPE_CHECKING:
    from pubsub.errors import ClientFault
    from pubsub.values.accounts import AccountOptions

__all__ = [
    "GLOBAL_ACCOUNT",
    "ConnectionAttempt",
    "Identity",
    "Permissions",
    "ResponsePermission",
]

#: The account of everybody who was given no other (nats-server's global account).
GLOBAL_ACCOUNT = "$G"


@dataclass(frozen=True)
class ConnectionAttempt:
    """All an authenticator may know about who is connecting. Immutable."""

    #: the CONNECT fields as sent: ``user``, ``pass``, ``auth_token``, ``jwt``, ``nkey``, ``sig``…
    connect: Mapping[str, Any]
    #: ``"ip:port"`` or the path of a Unix socket, after the PROXY protocol
    peer: str
    kind: PeerKind = PeerKind.CLIENT
    #: STANDARD, WEBSOCKET, LEAFNODE, MQTT, IN_PROCESS…: nats-server's connection types
    connection_type: str = "STANDARD"
    #: what INFO challenged it with, ``b""`` if nothing
    nonce: bytes = b""
    #: its certificate, DER, ``b""`` if it showed none
    tls_certificate: bytes = b""
    #: the certificates it showed, its own first, DER
    tls_chain: tuple[bytes, ...] = ()
    #: ``"1.3"`` and the cipher suite as Go spells it, ``""`` without TLS
    tls_version: str = ""
    tls_cipher: str = ""
    #: ``"ip"`` alone, ``""`` where there is none
    host: str = ""
    cid: int = 0
    #: epoch seconds
    start: float = 0.0
    #: a proxy that is trusted has signed the nonce
    trusted_proxy: bool = False
    #: the public key it signed with, ``""`` if none
    proxy_key: str = ""


@dataclass(frozen=True)
class ResponsePermission:
    """``allow_responses``: publish to the reply subject of what was delivered."""

    #: answers to each request; 0 or less for any number
    max_messages: int = 1
    #: seconds; 0 or less for ever
    expires: float = 120.0


@dataclass(frozen=True)
class Permissions:
    """Subjects a user may use; ``None`` in allow means all. Entries may hold wildcards.

    Entries of the subscribe lists may be ``"subject queue"``.
    """

    publish_allow: tuple[str, ...] | None = None
    publish_deny: tuple[str, ...] = ()
    subscribe_allow: tuple[str, ...] | None = None
    subscribe_deny: tuple[str, ...] = ()
    responses: ResponsePermission | None = None


@dataclass(frozen=True)
class Identity:
    """Who a peer is, once an authenticator says so."""

    #: a user's name or public key, as /connz shows it as ``authorized_user``
    user: str = ""
    account: str = GLOBAL_ACCOUNT
    permissions: Permissions | None = None
    #: epoch seconds after which it is disconnected, 0 for never
    expires: float = 0.0
    #: overrides by name: ``max_payload``, ``max_subscriptions``; -1 for no limit
    limits: Mapping[str, int] = field(default_factory=dict)
    #: the public key it proved to have, ``""`` if none
    nkey: str = ""
    jwt: str = field(default="", repr=False)
    #: the JWT is a secret: who shows it needs no key
    bearer: bool = False
    issuer_key: str = ""
    name_tag: str = ""
    tags: tuple[str, ...] = ()
    #: public key of the trusted proxy it came by, ``""`` if none
    proxy_key: str = ""
    #: asked whenever its account changes: why it may not stay, ``None`` if it may
    still_valid: Callable[[AccountOptions], ClientFault | None] | None = field(
        default=None, compare=False, repr=False
    )

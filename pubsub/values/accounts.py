"""What accounts and users are, wherever they come from.

A configuration file, an account's JWT and a program that embeds the server all end in these
immutable values; :mod:`pubsub.accounts` makes them take effect.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from pubsub.values.identity import GLOBAL_ACCOUNT, Permissions

__all__ = [
    "AccountLimits",
    "AccountOptions",
    "Export",
    "LatencyOptions",
    "MappingEntry",
    "ResponseType",
    "ServiceExport",
    "ServiceImport",
    "StreamExport",
    "StreamImport",
    "UserOptions",
    "WeightedDestination",
]


@dataclass(frozen=True)
class WeightedDestination:
    """Where a share of the messages of a mapping goes."""

    subject: str
    #: percent, 0 to 100
    weight: int = 100
    #: only in the cluster of that name; ``""`` in any
    cluster: str = ""


@dataclass(frozen=True)
class MappingEntry:
    """One key of ``mappings``: a source subject and its destinations."""

    source: str
    destinations: tuple[WeightedDestination, ...]


@dataclass(frozen=True)
class UserOptions:
    """A user of a list: known by name and password, by public key, or by certificate."""

    user: str = ""
    #: clear text, or a bcrypt or argon2 string
    password: str = field(default="", repr=False)
    #: public key, begins with ``U``; then there is no name and no password
    nkey: str = ""
    account: str = GLOBAL_ACCOUNT
    #: ``None``: the defaults of its account, or of ``authorization``
    permissions: Permissions | None = None
    #: upper case: STANDARD, WEBSOCKET, LEAFNODE, LEAFNODE_WS, MQTT, MQTT_WS, IN_PROCESS;
    #: empty: any
    connection_types: frozenset[str] = frozenset()
    #: only through a trusted proxy
    proxy_required: bool = False


@dataclass(frozen=True)
class AccountLimits:
    """-1 is no limit."""

    max_connections: int = -1
    #: of each connection
    max_subscriptions: int = -1
    max_payload: int = -1
    max_leafnodes: int = -1


class ResponseType(enum.IntEnum):
    """How many answers a service gives to a request."""

    SINGLETON = 0
    #: any number
    STREAM = 1
    #: any number, the last one empty
    CHUNKED = 2


@dataclass(frozen=True)
class LatencyOptions:
    """Where measurements of a service go, and how many are made."""

    subject: str
    #: percent of the requests; 0: those that carry a tracing header
    sampling: int = 100


@dataclass(frozen=True)
class Export:
    """What other accounts may import; see the two kinds below."""

    subject: str
    #: who may; ``None``: everybody
    accounts: tuple[str, ...] | None = None
    #: importers need an activation token (JWT accounts)
    token_required: bool = False
    #: 1-based place of the token in ``subject`` that must be the importer's name; 0: none
    account_token_position: int = 0
    #: importing account (or ``"*"``) to the time before which its activations do not count
    revocations: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StreamExport(Export):
    """Messages others may subscribe to."""


@dataclass(frozen=True)
class ServiceExport(Export):
    """Requests others may send."""

    response_type: ResponseType = ResponseType.SINGLETON
    #: seconds without an answer after which a request is forgotten
    response_threshold: float = 120.0
    latency: LatencyOptions | None = None


@dataclass(frozen=True)
class StreamImport:
    """A stream of another account."""

    account: str
    #: over there
    subject: str
    #: over here, ``""`` for the same; may refer to wildcards (``$1``)
    to: str = ""
    #: activation: a JWT
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class ServiceImport:
    """A service of another account."""

    account: str
    #: over there
    subject: str
    #: what is published over here, ``""`` for the same
    to: str = ""
    #: tell the service who asks
    share: bool = False
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class AccountOptions:
    """An account."""

    name: str
    #: public key, begins with ``A``; the name of JWT accounts is their key
    nkey: str = ""
    exports: tuple[StreamExport | ServiceExport, ...] = ()
    imports: tuple[StreamImport | ServiceImport, ...] = ()
    limits: AccountLimits = AccountLimits()
    #: of users who have none
    default_permissions: Permissions | None = None
    mappings: tuple[MappingEntry, ...] = ()
    #: epoch seconds after which its users are disconnected, 0 for never
    expires: float = 0.0
    #: what ``/accountz`` calls it
    name_tag: str = ""
    #: a ``pubsub.auth.jwt`` AccountClaims, ``None`` for accounts of other origin
    claims: object = field(default=None, repr=False)

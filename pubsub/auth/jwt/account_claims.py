"""What an account's JWT says, in immutable values (``account_claims.go``, ``exports.go``…)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pubsub.auth.jwt import reading
from pubsub.auth.jwt.claims import NO_LIMIT, Claims, PermissionClaims, UserLimits
from pubsub.errors import CredentialsError
from pubsub.values.strkey import KeyKind

__all__ = [
    "ANYBODY",
    "AccountClaims",
    "AccountLimitClaims",
    "ExportClaims",
    "ExternalAuthorization",
    "ImportClaims",
    "Scope",
    "WeightedMapping",
    "is_revoked",
]

#: in revocations: all of them; in ``allowed_accounts``: any
ANYBODY = "*"


@dataclass(frozen=True)
class Scope:
    """What users may do that were issued by one signing key."""

    key: str
    template: UserLimits
    role: str = ""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Scope:
        """From an object in ``signing_keys``."""
        template = reading.mapping(data, "template")
        return cls(
            reading.text(data, "key"),
            UserLimits.read(template, default=NO_LIMIT),
            reading.text(data, "role"),
        )


@dataclass(frozen=True)
class AccountLimitClaims:
    """-1 is no limit, and 0, which is what an absent one is, means none at all."""

    subscriptions: int = 0
    data: int = 0
    payload: int = 0
    imports: int = 0
    exports: int = 0
    wildcard_exports: bool = False
    disallow_bearer: bool = False
    connections: int = 0
    leafnodes: int = 0
    #: whatever there is for JetStream, as it is written
    jetstream: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> AccountLimitClaims:
        """From ``limits``."""
        return cls(
            subscriptions=reading.integer(data, "subs"),
            data=reading.integer(data, "data"),
            payload=reading.integer(data, "payload"),
            imports=reading.integer(data, "imports"),
            exports=reading.integer(data, "exports"),
            wildcard_exports=reading.flag(data, "wildcards"),
            disallow_bearer=reading.flag(data, "disallow_bearer"),
            connections=reading.integer(data, "conn"),
            leafnodes=reading.integer(data, "leaf"),
            jetstream={name: data[name] for name in _JETSTREAM if data.get(name)},
        )

    @property
    def is_empty(self) -> bool:
        """Nothing is limited, because nothing is said."""
        return self == AccountLimitClaims()


_JETSTREAM = (
    "mem_storage",
    "disk_storage",
    "streams",
    "consumer",
    "max_ack_pending",
    "mem_max_stream_bytes",
    "disk_max_stream_bytes",
    "max_bytes_required",
    "tiered_limits",
)


@dataclass(frozen=True)
class ExportClaims:
    """One entry of ``exports``."""

    subject: str
    #: ``"stream"`` or ``"service"``
    type: str
    name: str = ""
    token_required: bool = False
    revocations: Mapping[str, int] = field(default_factory=dict)
    #: ``"Singleton"``, ``"Stream"``, ``"Chunked"`` or ``""``
    response_type: str = ""
    #: nanoseconds, 0 for the default
    response_threshold: int = 0
    #: where measurements go, and percent (0: by header); ``None``: nothing is measured
    latency: tuple[str, int] | None = None
    account_token_position: int = 0
    allow_trace: bool = False

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ExportClaims:
        """From an object in ``exports``."""
        latency = None
        if data.get("service_latency") is not None:
            measured = reading.mapping(data, "service_latency")
            latency = (reading.text(measured, "results"), _sampling(measured))
        position = reading.integer(data, "account_token_position")
        if position < 0:
            raise CredentialsError("cannot read 'account_token_position': it is negative")
        return cls(
            subject=reading.text(data, "subject"),
            type=_kind(data),
            name=reading.text(data, "name"),
            token_required=reading.flag(data, "token_req"),
            revocations=reading.integers(data, "revocations"),
            response_type=reading.text(data, "response_type"),
            response_threshold=reading.integer(data, "response_threshold"),
            latency=latency,
            account_token_position=position,
            allow_trace=reading.flag(data, "allow_trace"),
        )


def _sampling(data: Mapping[str, Any]) -> int:
    written = data.get("sampling")
    if isinstance(written, str) and written.lower() == "headers":
        return 0
    return reading.integer(data, "sampling")


def _kind(data: Mapping[str, Any]) -> str:
    kind = reading.text(data, "type")
    if kind not in ("", "stream", "service"):
        raise CredentialsError(f"unknown export type {kind!r}")
    return kind


@dataclass(frozen=True)
class ImportClaims:
    """One entry of ``imports``."""

    subject: str
    account: str
    type: str
    name: str = ""
    token: str = field(default="", repr=False)
    #: the old way to rename
    to: str = ""
    local_subject: str = ""
    share: bool = False
    allow_trace: bool = False

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ImportClaims:
        """From an object in ``imports``."""
        return cls(
            subject=reading.text(data, "subject"),
            account=reading.text(data, "account"),
            type=_kind(data),
            name=reading.text(data, "name"),
            token=reading.text(data, "token"),
            to=reading.text(data, "to"),
            local_subject=reading.text(data, "local_subject"),
            share=reading.flag(data, "share"),
            allow_trace=reading.flag(data, "allow_trace"),
        )


@dataclass(frozen=True)
class WeightedMapping:
    """One destination of a mapping."""

    subject: str
    weight: int = 100
    cluster: str = ""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> WeightedMapping:
        """From an object in ``mappings``; a weight of 0 is one of 100."""
        weight = reading.integer(data, "weight") or 100
        if not 0 <= weight <= 255:
            raise CredentialsError("cannot read 'weight': it is out of range")
        return cls(reading.text(data, "subject"), weight, reading.text(data, "cluster"))


@dataclass(frozen=True)
class ExternalAuthorization:
    """``authorization``: a service decides about the users of this account (auth callout)."""

    #: public keys of users it does not decide about; empty: there is no such service
    auth_users: tuple[str, ...] = ()
    #: accounts it may put users into; ``"*"``: any
    allowed_accounts: tuple[str, ...] = ()
    #: public curve key to encrypt requests with
    xkey: str = ""

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> ExternalAuthorization:
        """From ``authorization``."""
        return cls(
            reading.texts(data, "auth_users"),
            reading.texts(data, "allowed_accounts"),
            reading.text(data, "xkey"),
        )


def is_revoked(revocations: Mapping[str, int], key: str, issued_at: int) -> bool:
    """Whether what was issued for ``key`` at that time is revoked, by name or with all."""
    return any(name in revocations and revocations[name] >= issued_at for name in (key, ANYBODY))


@dataclass(frozen=True, kw_only=True)
class AccountClaims(Claims):
    """An account: its subject is the account's public key."""

    imports: tuple[ImportClaims, ...] = ()
    exports: tuple[ExportClaims, ...] = ()
    limits: AccountLimitClaims = AccountLimitClaims()
    #: what its users may be issued by, beside its own key
    signing_keys: Mapping[str, Scope | None] = field(default_factory=dict)
    #: public key of a user (or ``"*"``) to the time before which its tokens do not count
    revocations: Mapping[str, int] = field(default_factory=dict)
    default_permissions: PermissionClaims = field(default_factory=PermissionClaims)
    mappings: Mapping[str, tuple[WeightedMapping, ...]] = field(default_factory=dict)
    authorization: ExternalAuthorization = ExternalAuthorization()
    #: destination and percent, ``None`` for no message traces
    trace: tuple[str, int] | None = None
    cluster_traffic: str = ""
    description: str = ""
    info_url: str = ""
    #: Its operator insists on signing keys: its own key issues no users. Not in the token:
    #: :mod:`pubsub.auth.jwt.operator` knows who signed it.
    strict: bool = False

    SIGNERS = (KeyKind.ACCOUNT, KeyKind.OPERATOR)

    @classmethod
    def _specific(
        cls, payload: Mapping[str, Any], nats: Mapping[str, Any], version: int
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "imports": reading.records(nats, "imports", ImportClaims.read),
            "exports": reading.records(nats, "exports", ExportClaims.read),
            "limits": AccountLimitClaims.read(reading.mapping(nats, "limits")),
            "signing_keys": _signing_keys(nats, version),
            "revocations": reading.integers(nats, "revocations"),
        }
        if version == 1:
            return found
        mappings = reading.mapping(nats, "mappings")
        trace = reading.mapping(nats, "trace")
        return found | {
            "default_permissions": PermissionClaims.read(
                reading.mapping(nats, "default_permissions")
            ),
            "mappings": {
                source: reading.records(mappings, source, WeightedMapping.read)
                for source in mappings
            },
            "authorization": ExternalAuthorization.read(reading.mapping(nats, "authorization")),
            "trace": (
                (reading.text(trace, "dest"), reading.integer(trace, "sampling"))
                if nats.get("trace") is not None
                else None
            ),
            "cluster_traffic": reading.text(nats, "cluster_traffic"),
            "description": reading.text(nats, "description"),
            "info_url": reading.text(nats, "info_url"),
        }

    def issues(self, key: str) -> bool:
        """Whether users and activations signed by ``key`` are its own."""
        return key in self.signing_keys or (key == self.subject and not self.strict)

    def scope(self, key: str) -> Scope | None:
        """What users signed by ``key`` are limited to; ``None`` if only by their own JWT."""
        # a scope for the account's own key does not count unless that key alone would not do
        if key == self.subject and not self.strict:
            return None
        return self.signing_keys.get(key)

    def revoked(self, user: str, issued_at: int) -> bool:
        """Whether a user's token of that time is revoked."""
        return is_revoked(self.revocations, user, issued_at)


def _signing_keys(nats: Mapping[str, Any], version: int) -> Mapping[str, Scope | None]:
    """Plain keys and scoped ones, in one array."""
    if version == 1:
        return dict.fromkeys(reading.texts(nats, "signing_keys"))
    found: dict[str, Scope | None] = {}
    for entry in reading.member(nats, "signing_keys", list, []):
        if isinstance(entry, str):
            found[entry] = None
        elif isinstance(entry, dict):
            if entry.get("kind") != "user_scope":
                raise CredentialsError("unknown signing key scope")
            scope = Scope.read(entry)
            found[scope.key] = scope
    return found

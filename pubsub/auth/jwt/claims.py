"""What a NATS JWT says: operators, users, activations, auth callout, in immutable values.

Every class has ``read(payload)``, which takes the decoded JSON of a token whose signature
:mod:`pubsub.auth.jwt.codec` has checked. Layout 1 (``type`` beside ``nats``) is turned into
layout 2 as the public library ``nats-io/jwt`` does (``decoder_*.go``). Account claims are in
:mod:`pubsub.auth.jwt.account_claims`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from pubsub.auth.jwt import reading
from pubsub.errors import CredentialsError
from pubsub.values.strkey import KeyKind

__all__ = [
    "NO_LIMIT",
    "ActivationClaims",
    "AuthorizationRequestClaims",
    "AuthorizationResponseClaims",
    "Claims",
    "GenericClaims",
    "OperatorClaims",
    "PermissionClaims",
    "TimeRange",
    "UserClaims",
    "UserLimits",
]

NO_LIMIT = -1

_C = TypeVar("_C", bound="Claims")


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What every token has. Times are epoch seconds, 0 where there is none."""

    issuer: str
    subject: str
    name: str = ""
    audience: str = ""
    id: str = ""
    issued_at: int = 0
    expires: int = 0
    not_before: int = 0
    tags: tuple[str, ...] = ()
    #: of the layout
    version: int = 2

    #: kinds of the keys that may sign it; empty: any
    SIGNERS: ClassVar[tuple[KeyKind, ...]] = ()

    @classmethod
    def read(cls: type[_C], payload: Mapping[str, Any]) -> _C:
        """The claims in ``payload``.

        :raises pubsub.errors.CredentialsError: a member has another type than it should.
        """
        version = version_of(payload)
        if not 1 <= version <= 2:
            raise CredentialsError(f"library supports version 2 or less - received {version}")
        nats = reading.mapping(payload, "nats")
        return cls(
            issuer=reading.text(payload, "iss"),
            subject=reading.text(payload, "sub"),
            name=reading.text(payload, "name"),
            audience=reading.text(payload, "aud"),
            id=reading.text(payload, "jti"),
            issued_at=reading.integer(payload, "iat"),
            expires=reading.integer(payload, "exp"),
            not_before=reading.integer(payload, "nbf"),
            tags=reading.texts(payload if version == 1 else nats, "tags"),
            version=version,
            **cls._specific(payload, nats, version),
        )

    @classmethod
    def _specific(
        cls, payload: Mapping[str, Any], nats: Mapping[str, Any], version: int
    ) -> dict[str, Any]:
        return {}


def version_of(payload: Mapping[str, Any]) -> int:
    """Layout of a token: 1 has its type beside ``nats``, later ones say it inside."""
    if reading.text(payload, "type"):
        return 1
    return reading.integer(reading.mapping(payload, "nats"), "version")


@dataclass(frozen=True, kw_only=True)
class GenericClaims(Claims):
    """A token of no known type, or of any, for those who only look at who signed it."""

    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> GenericClaims:
        """The claims in ``payload``, whatever their layout."""
        return cls(
            issuer=reading.text(payload, "iss"),
            subject=reading.text(payload, "sub"),
            name=reading.text(payload, "name"),
            audience=reading.text(payload, "aud"),
            id=reading.text(payload, "jti"),
            issued_at=reading.integer(payload, "iat"),
            expires=reading.integer(payload, "exp"),
            not_before=reading.integer(payload, "nbf"),
            data=reading.mapping(payload, "nats"),
        )


@dataclass(frozen=True, kw_only=True)
class OperatorClaims(Claims):
    """Who signs accounts."""

    signing_keys: tuple[str, ...] = ()
    account_server_url: str = ""
    system_account: str = ""
    #: accounts signed by its main key do not count
    strict_signing_keys: bool = False
    #: ``"2.10.0"``, ``""`` for any
    assert_server_version: str = ""

    SIGNERS = (KeyKind.OPERATOR,)

    @classmethod
    def _specific(
        cls, payload: Mapping[str, Any], nats: Mapping[str, Any], version: int
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            "signing_keys": reading.texts(nats, "signing_keys"),
            "account_server_url": reading.text(nats, "account_server_url"),
            "system_account": reading.text(nats, "system_account"),
        }
        if version > 1:
            found["strict_signing_keys"] = reading.flag(nats, "strict_signing_key_usage")
            found["assert_server_version"] = reading.text(nats, "assert_server_version")
        return found


@dataclass(frozen=True)
class PermissionClaims:
    """``pub``, ``sub`` and ``resp``."""

    publish_allow: tuple[str, ...] = ()
    publish_deny: tuple[str, ...] = ()
    subscribe_allow: tuple[str, ...] = ()
    subscribe_deny: tuple[str, ...] = ()
    #: answers to each request, and nanoseconds; ``None``: no ``resp``
    responses: tuple[int, int] | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> PermissionClaims:
        """From a user, a scope, or ``default_permissions``."""
        pub, sub = reading.mapping(data, "pub"), reading.mapping(data, "sub")
        responses = None
        if data.get("resp") is not None:
            resp = reading.mapping(data, "resp")
            responses = (reading.integer(resp, "max"), reading.integer(resp, "ttl"))
        return cls(
            reading.texts(pub, "allow"),
            reading.texts(pub, "deny"),
            reading.texts(sub, "allow"),
            reading.texts(sub, "deny"),
            responses,
        )


@dataclass(frozen=True)
class TimeRange:
    """``"15:04:05"`` each; an end before the start is on the next day."""

    start: str
    end: str

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> TimeRange:
        """From one entry of ``times``."""
        return cls(reading.text(data, "start"), reading.text(data, "end"))


@dataclass(frozen=True)
class UserLimits:
    """What a user may do: of one user, or the template of a scoped signing key."""

    permissions: PermissionClaims = PermissionClaims()
    #: networks, ``"192.0.2.0/24"``; empty: from anywhere
    sources: tuple[str, ...] = ()
    times: tuple[TimeRange, ...] = ()
    #: IANA time zone of ``times``, ``""`` for this machine's
    location: str = ""
    #: -1 for no limit
    subscriptions: int = 0
    data: int = 0
    payload: int = 0
    #: no signature of the nonce is needed
    bearer: bool = False
    proxy_required: bool = False
    #: as they are written
    connection_types: tuple[str, ...] = ()

    @classmethod
    def read(cls, data: Mapping[str, Any], version: int = 2, default: int = 0) -> UserLimits:
        """From ``nats`` of a user, or from a template.

        :param default: of the three limits, where they are absent.
        """
        return cls(
            permissions=PermissionClaims.read(data),
            sources=_networks(data),
            times=reading.records(data, "times", TimeRange.read),
            location=reading.text(data, "times_location"),
            subscriptions=reading.integer(data, "subs", default),
            data=reading.integer(data, "data", default),
            payload=reading.integer(data, "payload", default),
            bearer=reading.flag(data, "bearer_token"),
            proxy_required=version > 1 and reading.flag(data, "proxy_required"),
            connection_types=(
                reading.texts(data, "allowed_connection_types") if version > 1 else ()
            ),
        )


def _networks(data: Mapping[str, Any]) -> tuple[str, ...]:
    """``src``: an array, or (in old tokens) one string with commas."""
    written = data.get("src")
    if not isinstance(written, str):
        return reading.texts(data, "src")
    found = (part.strip() for part in written.lower().split(","))
    return tuple(dict.fromkeys(part for part in found if part))


@dataclass(frozen=True, kw_only=True)
class UserClaims(Claims):
    """A user: its subject is the user's public key."""

    #: of the account, where a signing key of the account is the issuer
    issuer_account: str = ""
    limits: UserLimits = UserLimits()

    SIGNERS = (KeyKind.ACCOUNT,)

    @classmethod
    def _specific(
        cls, payload: Mapping[str, Any], nats: Mapping[str, Any], version: int
    ) -> dict[str, Any]:
        return {
            "issuer_account": reading.text(payload if version == 1 else nats, "issuer_account"),
            "limits": UserLimits.read(nats, version, NO_LIMIT if version == 1 else 0),
        }

    @property
    def account(self) -> str:
        """Public key of the account it belongs to."""
        return self.issuer_account or self.issuer

    @property
    def unrestricted_form(self) -> bool:
        """It holds no limits and no permissions, as scoped signing keys demand."""
        return self.limits == UserLimits()


@dataclass(frozen=True, kw_only=True)
class ActivationClaims(Claims):
    """Lets the account that is its subject import something from the issuer."""

    import_subject: str = ""
    #: ``"stream"`` or ``"service"``
    kind: str = ""
    issuer_account: str = ""

    SIGNERS = (KeyKind.ACCOUNT, KeyKind.OPERATOR)

    @classmethod
    def _specific(
        cls, payload: Mapping[str, Any], nats: Mapping[str, Any], version: int
    ) -> dict[str, Any]:
        return {
            "import_subject": reading.text(nats, "subject"),
            "kind": reading.text(nats, "type" if version == 1 else "kind"),
            "issuer_account": reading.text(payload if version == 1 else nats, "issuer_account"),
        }


@dataclass(frozen=True, kw_only=True)
class AuthorizationRequestClaims(Claims):
    """What a server asks an auth callout service (ADR-26). The members of ``nats``."""

    user_nkey: str = ""
    #: ``server_id``, ``client_info``, ``connect_opts``, ``client_tls``, ``request_nonce``
    request: Mapping[str, Any] = field(default_factory=dict, repr=False)

    SIGNERS = (KeyKind.SERVER,)

    @classmethod
    def _specific(
        cls, payload: Mapping[str, Any], nats: Mapping[str, Any], version: int
    ) -> dict[str, Any]:
        return {"user_nkey": reading.text(nats, "user_nkey"), "request": nats}


@dataclass(frozen=True, kw_only=True)
class AuthorizationResponseClaims(Claims):
    """What an auth callout service answers (ADR-26)."""

    #: of the user
    jwt: str = field(default="", repr=False)
    error: str = ""
    issuer_account: str = ""

    SIGNERS = (KeyKind.ACCOUNT,)

    @classmethod
    def _specific(
        cls, payload: Mapping[str, Any], nats: Mapping[str, Any], version: int
    ) -> dict[str, Any]:
        return {
            "jwt": reading.text(nats, "jwt"),
            "error": reading.text(nats, "error"),
            "issuer_account": reading.text(nats, "issuer_account"),
        }

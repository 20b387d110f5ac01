"""Whether a user of a known account may come, and who it is then.

The order of the checks is nats-server's (``processClientOrLeafAuthentication``); the first
that fails is the reason in the log. The peer hears the same of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pubsub.auth.jwt.account import permissions_of
from pubsub.auth.jwt.account_claims import AccountClaims, Scope
from pubsub.auth.jwt.claims import UserClaims, UserLimits
from pubsub.auth.jwt.templates import expand
from pubsub.auth.jwt.times import is_source_allowed, seconds_left
from pubsub.auth.proxies import require_proxy
from pubsub.auth.signatures import verify_nonce
from pubsub.errors import (
    AuthenticationFailed,
    AuthorizationViolation,
    ClientFault,
    SigningKeyChanged,
    UserAuthenticationRevoked,
)
from pubsub.interfaces import ConnectionAttempt, Identity
from pubsub.values.accounts import AccountOptions

__all__ = ["admit", "allowed_types", "identity_of", "scoped_limits"]

#: What a JWT may name. One that names only others lets nobody in, rather than everybody.
_CONNECTION_TYPES = frozenset(
    {"STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"}
)


def admit(
    user: UserClaims, token: str, account: AccountOptions, attempt: ConnectionAttempt, now: float
) -> Identity:
    """Who the peer is, if ``user`` may come so and now.

    The token itself was verified, its validity in time checked, and the account is one that
    a trusted operator has signed.

    :param now: epoch seconds.
    :raises pubsub.errors.AuthenticationFailed: it may not.
    """
    claims = account.claims
    if not isinstance(claims, AccountClaims):
        raise AuthenticationFailed("the account has no claims")
    limits = scoped_limits(user, claims)
    if limits.proxy_required:
        require_proxy(attempt)
    if 0 < claims.expires <= now:
        raise AuthenticationFailed("account JWT has expired")
    if limits.bearer and claims.limits.disallow_bearer:
        raise AuthenticationFailed("account does not allow bearer tokens")
    types = allowed_types(limits.connection_types)
    if types and attempt.connection_type not in types:
        raise AuthenticationFailed("connection type not allowed")
    if not limits.bearer:
        verify_nonce(user.subject, attempt.nonce, attempt.connect.get("sig", ""))
    if claims.revoked(user.subject, user.issued_at):
        raise AuthenticationFailed("user authentication revoked")
    if not is_source_allowed(limits.sources, attempt.host):
        raise AuthenticationFailed(f"bad source address {attempt.host}")
    left = seconds_left(limits.times, limits.location, now)
    if left is None:
        raise AuthenticationFailed("outside connect times")
    identity = identity_of(user, token, claims, limits)
    ends = [end for end in (float(user.expires), now + left if left else 0.0) if end]
    return replace(identity, expires=min(ends, default=0.0), proxy_key=attempt.proxy_key)


def scoped_limits(user: UserClaims, account: AccountClaims) -> UserLimits:
    """The limits that hold: the user's own, or those of the key that issued it.

    :raises pubsub.errors.AuthenticationFailed: the account does not know that key; a user of
        a scoped key has limits of its own; or the template cannot be filled.
    """
    if not account.issues(user.issuer):
        raise AuthenticationFailed("user JWT issuer is not known")
    scope = account.scope(user.issuer)
    if scope is None:
        return user.limits
    if not user.unrestricted_form:
        raise AuthenticationFailed("scoped users require no permissions or limits set")
    template = scope.template
    return replace(template, permissions=expand(template.permissions, user, account))


def allowed_types(written: Iterable[str]) -> frozenset[str]:
    """The connection types, empty for any; unknown ones are left out.

    :raises pubsub.errors.AuthenticationFailed: all of them are unknown.
    """
    wanted = {name.upper() for name in written}
    known = wanted & _CONNECTION_TYPES
    if wanted and not known:
        raise AuthenticationFailed("invalid connection types")
    return frozenset(known)


def identity_of(
    user: UserClaims, token: str, account: AccountClaims, limits: UserLimits
) -> Identity:
    """The user, once it may come; without permissions of its own it has its account's.

    :param limits: those of :func:`scoped_limits`.
    """
    return Identity(
        user=user.subject,
        account=account.subject,
        permissions=permissions_of(limits.permissions),
        expires=float(user.expires),
        limits={"max_payload": limits.payload, "max_subscriptions": limits.subscriptions},
        nkey=user.subject,
        jwt=token,
        bearer=limits.bearer,
        issuer_key=user.issuer,
        name_tag=user.name,
        tags=user.tags,
        still_valid=_StillValid(
            user.subject,
            user.issued_at,
            limits.bearer,
            user.issuer if user.issuer_account else "",
            account.scope(user.issuer),
        ),
    )


@dataclass(frozen=True)
class _StillValid:
    """Asked when the account changes. Holds what it needs, not the whole token."""

    user: str
    issued_at: int
    bearer: bool
    #: the key that issued it, ``""`` if that was the account's own
    signing_key: str
    scope: Scope | None

    def __call__(self, account: AccountOptions) -> ClientFault | None:
        """Why it may not stay, in nats-server's order."""
        claims = account.claims
        if not isinstance(claims, AccountClaims):
            return None
        if self.bearer and claims.limits.disallow_bearer:
            return AuthorizationViolation("bearer user JWT not allowed")
        if claims.revoked(self.user, self.issued_at):
            return UserAuthenticationRevoked()
        if self.signing_key and not claims.issues(self.signing_key):
            return SigningKeyChanged("its signing key was removed")
        if self.signing_key and claims.scope(self.signing_key) != self.scope:
            return SigningKeyChanged("the scope of its signing key was changed")
        return None

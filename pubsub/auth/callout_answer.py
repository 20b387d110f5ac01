"""What an auth callout service answers, and who that makes the client.

Pure functions on claims; the order of the checks is nats-server's (``auth_callout.go``,
ADR-26). An answer is two JWTs: one for the server that asked, and in it one of a user, whose
public key is the one the server made up for this question, so that an answer is good once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pubsub.auth.jwt.account import permissions_of
from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.claims import AuthorizationResponseClaims, Claims, UserClaims, UserLimits
from pubsub.auth.jwt.codec import decode, decode_user
from pubsub.auth.jwt.keys import is_account, is_server, is_user
from pubsub.auth.jwt.times import is_source_allowed, seconds_left
from pubsub.auth.jwt.users import allowed_types, identity_of, scoped_limits
from pubsub.auth.jwt.validation import time_problem, user_problems
from pubsub.auth.proxies import require_proxy
from pubsub.errors import AuthenticationFailed, CredentialsError
from pubsub.interfaces import ConnectionAttempt, Identity
from pubsub.values.accounts import AccountOptions

__all__ = ["Callout", "identity", "issuing_account", "user_of"]

#: characters of a service's own words that are worth a line in the log
_MAX_WORDS = 200
#: ``allowed_accounts`` of an account that lets its service use any
_ANY = "*"


@dataclass(frozen=True)
class Callout:
    """A service that decides about clients."""

    #: where it listens
    account: str
    #: the public key of the account that signs users
    issuer: str
    #: users it does not decide about: names or public keys
    auth_users: tuple[str, ...] = ()
    #: accounts its answers may name
    allowed_accounts: tuple[str, ...] = ()
    #: its public curve key, ``""`` for clear text
    xkey: str = ""
    #: its account's claims in operator mode; ``None``: it is in the configuration
    claims: AccountClaims | None = None


def user_of(
    token: bytes, callout: Callout, *, user_nkey: str, server_id: str, encrypted: bool, now: float
) -> UserClaims:
    """The user in an answer that is for this server and this question.

    :param token: decrypted.
    :param user_nkey: the public key that was made up for the question.
    :param encrypted: it was: then the curve key says who sent it.
    :param now: epoch seconds.
    :raises pubsub.errors.AuthenticationFailed: the service refuses.
    :raises pubsub.errors.CredentialsError: it is no such answer.
    """
    answer = _answer(token, now)
    if answer.subject != user_nkey:
        raise CredentialsError("auth callout response is not for expected user")
    if answer.audience != server_id:
        raise CredentialsError("auth callout response is not for server")
    if not encrypted:
        _check_signer(answer, callout)
    if answer.error:
        raise AuthenticationFailed(
            f"auth callout service returned an error: {answer.error[:_MAX_WORDS]!r}"
        )
    user = decode_user(answer.jwt)
    problems = [*user_problems(user), time_problem(user, now)]
    if any(problems):
        raise CredentialsError(f"error validating user JWT: {next(filter(None, problems))}")
    if user.subject != user_nkey:
        raise CredentialsError("the user JWT is for another user")
    return user


def _check_signer(answer: AuthorizationResponseClaims, callout: Callout) -> None:
    """Nobody but the service answers: what it asserts about its account has to be true.

    (nats-server: ``processReply``, since 2.15.2.)

    :raises pubsub.errors.CredentialsError: somebody else signed it.
    """
    if callout.claims is None:
        known = answer.issuer == callout.issuer
    else:
        if answer.issuer_account not in ("", callout.account):
            raise CredentialsError(
                f"auth callout response issuer account {answer.issuer_account!r} is not the "
                "callout account"
            )
        known = answer.issuer == callout.account or callout.claims.issues(answer.issuer)
    if not known:
        raise CredentialsError("auth callout signing key is unknown")


def _answer(token: bytes, now: float) -> AuthorizationResponseClaims:
    claims: Claims = decode(token)
    if not isinstance(claims, AuthorizationResponseClaims):
        raise CredentialsError("not an authorization response claim")
    if not is_user(claims.subject):
        problem = "subject must be a user public key"
    elif not is_server(claims.audience):
        problem = "audience must be a server public key"
    elif bool(claims.error) == bool(claims.jwt):
        problem = "one of error and jwt is required"
    elif claims.issuer_account and not is_account(claims.issuer_account):
        problem = "issuer_account is not an account public key"
    else:
        problem = time_problem(claims, now)
    if problem:
        raise CredentialsError(f"authorization response had validation errors: {problem}")
    return claims


def issuing_account(user: UserClaims, callout: Callout) -> str:
    """The name of the account the user is put into, if the service may do that.

    :raises pubsub.errors.CredentialsError: it may not.
    """
    if callout.claims is None:
        if user.issuer_account:
            raise CredentialsError("issuer_account may only be used in operator mode")
        if user.issuer != callout.issuer:
            raise CredentialsError("wrong issuer for auth callout response")
        allowed = callout.allowed_accounts
        if allowed and user.audience not in allowed:
            raise CredentialsError(f"account {user.audience[:_MAX_WORDS]!r} is not allowed")
        return user.audience
    account = user.account
    if account != callout.account and not (
        callout.allowed_accounts == (_ANY,) or account in callout.allowed_accounts
    ):
        raise CredentialsError(
            f"account {account} not permitted as valid account option for auth callout"
        )
    return account


def identity(
    user: UserClaims,
    account: AccountOptions,
    callout: Callout,
    attempt: ConnectionAttempt,
    name: str,
    now: float,
) -> Identity:
    """Who the client is now.

    :param account: the one it is put into.
    :param name: who it said it is; the name in the user JWT counts more.
    :raises pubsub.errors.AuthenticationFailed: it may not come so and now.
    """
    limits = _limits(user, account, callout, now)
    if limits.proxy_required:
        require_proxy(attempt)
    types = allowed_types(limits.connection_types)
    if types and attempt.connection_type not in types:
        raise AuthenticationFailed("connection type not allowed")
    if not is_source_allowed(limits.sources, attempt.host):
        raise AuthenticationFailed(f"bad source address {attempt.host}")
    left = seconds_left(limits.times, limits.location, now)
    if left is None:
        raise AuthenticationFailed("outside of valid connect times")
    ends = [end for end in (float(user.expires), now + left if left else 0.0) if end]
    claims = account.claims
    still_valid = None
    if callout.claims is not None and isinstance(claims, AccountClaims):
        still_valid = identity_of(user, "", claims, limits).still_valid
    return Identity(
        user=user.name or name or user.subject,
        account=account.name,
        permissions=permissions_of(limits.permissions),
        expires=min(ends, default=0.0),
        limits=_maxima(limits),
        # not the user's token: the client has never had it
        issuer_key=user.issuer if user.issuer_account else account.name,
        name_tag=user.name,
        tags=user.tags,
        still_valid=still_valid,
    )


def _limits(user: UserClaims, account: AccountOptions, callout: Callout, now: float) -> UserLimits:
    if callout.claims is None:
        return user.limits
    if not isinstance(account.claims, AccountClaims):
        raise AuthenticationFailed("the account has no claims")
    if 0 < account.claims.expires <= now:
        raise AuthenticationFailed("account JWT has expired")
    limits = scoped_limits(user, account.claims)
    return replace(limits, bearer=False)


def _maxima(limits: UserLimits) -> dict[str, int]:
    """Those that limit: services that write tokens by hand leave them out, or zero."""
    wanted = {"max_payload": limits.payload, "max_subscriptions": limits.subscriptions}
    return {name: value for name, value in wanted.items() if value > 0}

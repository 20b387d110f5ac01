"""Operator mode: users show JWTs that an account signed, whose JWT an operator signed.

The order of the checks is nats-server's (``processClientOrLeafAuthentication``): the user's
token (or the default sentinel in its place), its validity, the pinned accounts, the account
by the resolver, and then what :mod:`pubsub.auth.jwt.users` looks at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.auth.jwt.account import check_activation
from pubsub.auth.jwt.claims import UserClaims
from pubsub.auth.jwt.codec import decode_user
from pubsub.auth.jwt.lookup import AccountBook
from pubsub.auth.jwt.operators import TrustedOperators, system_account_of
from pubsub.auth.jwt.resolvers.choose import create_resolver
from pubsub.auth.jwt.users import admit
from pubsub.auth.jwt.validation import time_problem, user_problems
from pubsub.auth.proxies import require_proxy
from pubsub.errors import (
    AuthenticationFailed,
    CredentialsError,
    InvalidOption,
    NotConfigured,
    UserRefused,
)
from pubsub.interfaces import (
    ConnectionAttempt,
    IAccountResolver,
    IAuthenticatorPlugin,
    Identity,
    IServerAccess,
    IServerAuthenticator,
)
from pubsub.values.accounts import AccountOptions, Export, ServiceImport, StreamImport

__all__ = ["OperatorAuthenticator", "OperatorPlugin"]


@implementer(IServerAuthenticator)
class OperatorAuthenticator:
    """Knows users by their JWTs, and nobody else.

    :param trust: the operators.
    :param resolver: where accounts come from.
    :param system_account: fetched at once, ``""`` for none.
    :param pinned: the only accounts that may be used; empty: any.
    :param sentinel: JWT for those who show none, ``""``: they are refused.
    :param wall: epoch seconds.
    """

    required = True
    needs_nonce = True

    _log = Logger()

    def __init__(
        self,
        trust: TrustedOperators,
        resolver: IAccountResolver,
        system_account: str = "",
        pinned: frozenset[str] = frozenset(),
        sentinel: str = "",
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.trust = trust
        self.resolver = resolver
        self.system_account = system_account
        # who administers the server can always connect
        self._pinned = pinned and pinned | {system_account}
        self._sentinel = sentinel
        self._wall = wall
        self._book: AccountBook | None = None

    @property
    def accounts(self) -> AccountBook:
        """The accounts as their JWTs describe them; auth callout looks them up here, too."""
        if self._book is None:
            raise AuthenticationFailed("operator mode has no server yet")
        return self._book

    def use_server(self, server: IServerAccess) -> None:
        """Begin: start the resolver, and fetch the system account."""
        self._book = AccountBook(
            server.accounts, self.trust, self.resolver, server.clock, self._wall
        )
        self._book.adopt()
        server.accounts.check_activation = self._check_activation
        server.accounts.missing = self._book.miss
        self.resolver.start(server, self._book)
        if self.system_account:
            self._book.find(self.system_account).addErrback(self._no_system_account)

    def stop(self) -> None:
        """End the resolver, and whatever is being fetched."""
        self.resolver.stop()
        if self._book is not None:
            self._book.close()

    def authenticate(self, attempt: ConnectionAttempt) -> Identity | Deferred[Identity | None]:
        """Who the peer is, at once if its account is known.

        :raises pubsub.errors.AuthenticationFailed: it may not come.
        :raises pubsub.errors.UserRefused: likewise, though its account is known.
        """
        token, user = self._user(attempt)
        if user.limits.proxy_required:
            require_proxy(attempt)
        wrong = [*user_problems(user), time_problem(user, self._wall())]
        if any(wrong):
            raise AuthenticationFailed(
                f"user JWT no longer valid: {'; '.join(filter(None, wrong))}"
            )
        if self._pinned and user.account not in self._pinned:
            raise AuthenticationFailed(
                f"account {user.account} not listed as operator pinned account"
            )
        account = self.accounts.known(user.account)
        if account is not None:
            return self._admit(account, user, token, attempt)
        found = self.accounts.find(user.account)
        return found.addCallbacks(self._admit, self._not_found, callbackArgs=(user, token, attempt))

    def _user(self, attempt: ConnectionAttempt) -> tuple[str, UserClaims]:
        """The user's token and its claims, or the sentinel's in their place."""
        token = attempt.connect.get("jwt", "")
        if token:
            try:
                return token, decode_user(token)
            except CredentialsError as error:
                if not self._sentinel:
                    raise AuthenticationFailed(f"user JWT not valid: {error}") from None
        if not self._sentinel:
            raise AuthenticationFailed("authentication requires a user JWT")
        try:
            return self._sentinel, decode_user(self._sentinel)
        except CredentialsError as error:
            raise AuthenticationFailed(f"default sentinel not valid: {error}") from None

    def _admit(
        self, account: AccountOptions, user: UserClaims, token: str, attempt: ConnectionAttempt
    ) -> Identity:
        try:
            return admit(user, token, account, attempt, self._wall())
        except AuthenticationFailed as error:
            raise UserRefused(str(error), error.fault, account.name, user.subject) from None

    def _not_found(self, failure: Failure) -> Failure:
        failure.trap(CredentialsError)
        return Failure(
            AuthenticationFailed(f"account JWT lookup error: {failure.getErrorMessage()}")
        )

    def _check_activation(
        self,
        importer: AccountOptions,
        import_: StreamImport | ServiceImport,
        export: Export,
        exporter: AccountOptions,
    ) -> float | bool:
        return check_activation(importer, import_, export, exporter, self._wall)

    def _no_system_account(self, failure: Failure) -> None:
        self._log.error(
            "System account {account} could not be fetched: {error}",
            account=self.system_account,
            error=failure.getErrorMessage(),
        )


@implementer(IAuthenticatorPlugin)
class OperatorPlugin:
    """Used where operators or trusted keys are configured."""

    name = "jwt"
    order = 10

    def create(self, options: Any) -> OperatorAuthenticator:
        """The authenticator of the configured operators.

        :raises pubsub.errors.NotConfigured: there are none.
        :raises pubsub.errors.InvalidOption: what there is does not go together.
        """
        if not options.operator and not options.trusted_keys:
            raise NotConfigured("no operator is configured")
        trust = TrustedOperators(options.operator, options.trusted_keys)
        if options.default_sentinel:
            _check_sentinel(options.default_sentinel)
        system_account = system_account_of(options) if options.operator else ""
        return OperatorAuthenticator(
            trust,
            create_resolver(options, trust),
            system_account,
            options.resolver_pinned_accounts,
            options.default_sentinel,
        )


def _check_sentinel(token: str) -> None:
    """A sentinel shows no signature, so it has to be a bearer token, or one by its scope.

    :raises pubsub.errors.InvalidOption: it is not.
    """
    try:
        user = decode_user(token)
    except CredentialsError:
        raise InvalidOption("default sentinel JWT not valid") from None
    if not user.limits.bearer and not (user.issuer_account and user.unrestricted_form):
        raise InvalidOption("default sentinel must be a bearer token")

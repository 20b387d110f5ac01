"""One user and password: ``authorization { user: …, password: … }``."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from pubsub.auth.slowwork import DeferToThread, SlowWork, host_of
from pubsub.errors import AuthenticationFailed, NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IThreadedAuthenticator,
)

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


__all__ = ["UserPassAuthenticator", "UserPassPlugin"]


@implementer(IThreadedAuthenticator)
class UserPassAuthenticator:
    """Knows one user, who is in the global account.

    :raises pubsub.errors.InvalidOption: the password is a hash that cannot be used.
    """

    required = True

    def __init__(self, user: str, password: str) -> None:
        # not at the top: listing the plugins must not load what only this needs
        from pubsub.auth.passwords import Secret

        self._user = user.encode("utf-8", "surrogatepass")
        self._identity = Identity(user=user)
        self._secret = Secret(password, "authorization.password")
        self._decoy = self._secret.decoy() if self._secret.slow else None
        self._slow_work: SlowWork | None = None

    def use_threads(self, defer_to_thread: DeferToThread) -> None:
        """Check hashes with this."""
        self._slow_work = SlowWork.on(defer_to_thread)

    def authenticate(
        self, attempt: ConnectionAttempt
    ) -> Identity | Deferred[Identity | None] | None:
        """The identity of the user; ``None`` if no user was named.

        Another user takes as long as another password.

        :raises pubsub.errors.AuthenticationFailed: another user, or another password.
        """
        user = attempt.connect.get("user", "")
        if not user:
            return None
        password = attempt.connect.get("pass", "")
        known = hmac.compare_digest(self._user, user.encode("utf-8", "surrogatepass"))
        if self._decoy is None:
            return self._decide(self._secret.matches(password) and known)
        if self._slow_work is None:
            raise AuthenticationFailed("bcrypt and argon2 passwords need threads")
        checked = self._secret if known else self._decoy
        checking = checked.matches_later(password, self._slow_work.of(host_of(attempt)))
        return checking.addCallback(lambda right: self._decide(right and known))

    def _decide(self, right: bool) -> Identity | None:
        if not right:
            raise AuthenticationFailed("unknown user or wrong password")
        return self._identity


@implementer(IAuthenticatorPlugin)
class UserPassPlugin:
    """Used where ``authorization`` has a user."""

    name = "userpass"
    order = 50

    def create(self, options: Any) -> UserPassAuthenticator:
        """The authenticator of the configured user.

        :raises pubsub.errors.NotConfigured: no user is configured.
        :raises pubsub.errors.InvalidOption: its password cannot be used.
        """
        authorization = options.authorization
        if not authorization.user:
            raise NotConfigured("no user is configured")
        return UserPassAuthenticator(authorization.user, authorization.password)

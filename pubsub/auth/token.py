"""One token for all: ``authorization { token: … }``."""

from __future__ import annotations

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


__all__ = ["TokenAuthenticator", "TokenPlugin"]

_BEARER = Identity()


@implementer(IThreadedAuthenticator)
class TokenAuthenticator:
    """Knows one token; who has it is in the global account.

    :raises pubsub.errors.InvalidOption: the token is a hash that cannot be used.
    """

    required = True

    def __init__(self, token: str) -> None:
        # not at the top: listing the plugins must not load what only this needs
        from pubsub.auth.passwords import Secret

        self._secret = Secret(token, "authorization.token")
        self._slow_work: SlowWork | None = None

    def use_threads(self, defer_to_thread: DeferToThread) -> None:
        """Check hashes with this."""
        self._slow_work = SlowWork.on(defer_to_thread)

    def authenticate(
        self, attempt: ConnectionAttempt
    ) -> Identity | Deferred[Identity | None] | None:
        """The identity of who has the token; ``None`` if none was shown.

        :raises pubsub.errors.AuthenticationFailed: another token.
        """
        token = attempt.connect.get("auth_token", "")
        if not token:
            return None
        if not self._secret.slow:
            return self._decide(self._secret.matches(token))
        if self._slow_work is None:
            raise AuthenticationFailed("bcrypt and argon2 tokens need threads")
        run = self._slow_work.of(host_of(attempt))
        return self._secret.matches_later(token, run).addCallback(self._decide)

    def _decide(self, right: bool) -> Identity | None:
        if not right:
            raise AuthenticationFailed("wrong token")
        return _BEARER


@implementer(IAuthenticatorPlugin)
class TokenPlugin:
    """Used where ``authorization`` has a token."""

    name = "token"
    order = 40

    def create(self, options: Any) -> TokenAuthenticator:
        """The authenticator of the configured token.

        :raises pubsub.errors.NotConfigured: no token is configured.
        :raises pubsub.errors.InvalidOption: it cannot be used.
        """
        token = options.authorization.token
        if not token:
            raise NotConfigured("no token is configured")
        return TokenAuthenticator(token)

"""Who the owner of an access token is, and what it may do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from pubsub.errors import AuthenticationFailed
from pubsub.interfaces import (
    ConnectionAttempt,
    Identity,
    IServerAccess,
    IServerAuthenticator,
    Permissions,
)
from pubsub_oidc.introspection import Claims, Introspection
from pubsub_oidc.settings import Settings

__all__ = ["OidcAuthenticator"]


@implementer(IServerAuthenticator)
class OidcAuthenticator:
    """Knows clients that show a token in CONNECT (``auth_token``).

    :param wall: epoch seconds.
    """

    #: INFO says ``auth_required``
    required = True

    def __init__(self, settings: Settings, wall: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._wall = wall
        self._introspection: Introspection | None = None
        self._close: Callable[[], Any] = lambda: None

    def use_server(self, server: IServerAccess) -> None:
        """Called once, before anybody connects: make an HTTP client with connections to keep."""
        # Not at the top: whoever lists the plugins needs none of this.
        from treq.client import HTTPClient
        from twisted.internet import reactor
        from twisted.web.client import Agent, HTTPConnectionPool

        pool = HTTPConnectionPool(reactor)
        agent = Agent(reactor, connectTimeout=self._settings.timeout, pool=pool)
        self.ask_with(HTTPClient(agent).post, server.clock)
        self._close = pool.closeCachedConnections

    def ask_with(self, post: Callable[..., Deferred[Any]], clock: Any) -> None:
        """Ask with this; tests have an endpoint without a network."""
        self._introspection = Introspection(self._settings, post, clock, self._wall)

    def stop(self) -> None:
        """The server ends, or a reload made another one of these."""
        self._close()

    def authenticate(self, attempt: ConnectionAttempt) -> Deferred[Identity | None] | None:
        """The owner of the token; ``None`` if there is none, and somebody else may know more."""
        token = attempt.connect.get("auth_token", "")
        if not token or self._introspection is None:
            return None
        return self._introspection.claims(token).addCallback(self._identity)

    def _identity(self, claims: Claims) -> Identity:
        if claims is None:
            raise AuthenticationFailed("the token is not active")
        expires = claims.get("exp", 0)
        if not isinstance(expires, int | float) or 0 < expires <= self._wall():
            raise AuthenticationFailed("the token has expired")
        self._check_audience(claims)
        user = claims.get(self._settings.user_claim)
        if not isinstance(user, str) or not user:
            raise AuthenticationFailed(f"the token has no {self._settings.user_claim!r}")
        return Identity(
            user=user,
            account=self._account(claims),
            permissions=self._permissions(claims),
            # the server disconnects it then
            expires=float(expires),
        )

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        wanted = self._settings.audience
        named = claims.get("aud", ())
        if wanted and wanted not in ([named] if isinstance(named, str) else named):
            raise AuthenticationFailed("the token is for somebody else")

    def _account(self, claims: Mapping[str, Any]) -> str:
        name = claims.get(self._settings.account_claim) if self._settings.account_claim else None
        if name is None:
            return self._settings.account
        if name not in self._settings.accounts:
            raise AuthenticationFailed("the token names an account that it may not")
        return str(name)

    def _permissions(self, claims: Mapping[str, Any]) -> Permissions | None:
        prefix = self._settings.scope_prefix
        if not prefix:
            return None
        scopes = str(claims.get("scope", "")).split()
        return Permissions(
            publish_allow=_subjects(scopes, f"{prefix}pub:"),
            subscribe_allow=_subjects(scopes, f"{prefix}sub:"),
        )


def _subjects(scopes: list[str], prefix: str) -> tuple[str, ...]:
    return tuple(scope[len(prefix) :] for scope in scopes if scope.startswith(prefix))

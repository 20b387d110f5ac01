"""Nothing is configured: everybody may come in, and is in the global account."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from zope.interface import implementer

from pubsub.errors import NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IServerAccess,
    IServerAuthenticator,
)

__all__ = ["AnonymousAuthenticator", "AnonymousPlugin"]

#: the same for everybody
_ANYBODY = Identity()


@implementer(IServerAuthenticator)
class AnonymousAuthenticator:
    """Knows everybody, as nobody in particular, whatever credentials they show.

    As soon as a program adds users to the server, it knows nobody any more.
    """

    required = False

    def __init__(self) -> None:
        self._users: Sized = ()

    def use_server(self, server: IServerAccess) -> None:
        """Its users are those who end this."""
        self._users = server.users

    def stop(self) -> None:
        """Nothing to end."""

    def authenticate(self, attempt: ConnectionAttempt) -> Identity | None:
        """The identity without a name, as long as the server has no users."""
        return None if len(self._users) else _ANYBODY


@implementer(IAuthenticatorPlugin)
class AnonymousPlugin:
    """Used where no credentials are configured, and only there."""

    name = "anonymous"
    order = 100

    def create(self, options: Any) -> AnonymousAuthenticator:
        """The authenticator that lets everybody in.

        :raises pubsub.errors.NotConfigured: the configuration asks for credentials.
        """
        authorization = options.authorization
        if (
            options.users
            or options.operator
            or options.trusted_keys
            or authorization.token
            or authorization.user
            or authorization.plugin
            or authorization.plugins
            or authorization.auth_callout is not None
        ):
            raise NotConfigured("credentials are configured")
        return AnonymousAuthenticator()

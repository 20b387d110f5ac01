"""Nothing is configured: everybody may come in, and is in the global account."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from pubsub.errors import NotConfigured
from pubsub.interfaces import ConnectionAttempt, IAuthenticator, IAuthenticatorPlugin, Identity

__all__ = ["AnonymousAuthenticator", "AnonymousPlugin"]

#: the same for everybody
_ANYBODY = Identity()


@implementer(IAuthenticator)
class AnonymousAuthenticator:
    """Knows everybody, as nobody in particular, whatever credentials they show."""

    required = False

    def authenticate(self, attempt: ConnectionAttempt) -> Identity:
        """Always the identity without a name."""
        return _ANYBODY


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
        if authorization.token or authorization.user or authorization.plugin:
            raise NotConfigured("credentials are configured")
        return AnonymousAuthenticator()

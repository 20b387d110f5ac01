"""From the configuration to an authenticator."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from pubsub.interfaces import IAuthenticatorPlugin
from pubsub_oidc.authenticator import OidcAuthenticator
from pubsub_oidc.settings import Settings

__all__ = ["OidcPlugin"]


@implementer(IAuthenticatorPlugin)
class OidcPlugin:
    """Used where ``authorization`` says ``plugin: oidc``."""

    name = "oidc"
    order = 50

    def create(self, options: Any) -> OidcAuthenticator:
        """The authenticator for ``authorization { options { … } }``.

        :raises pubsub.errors.NotConfigured: there are none.
        :raises pubsub.errors.InvalidOption: one of them cannot be.
        """
        return OidcAuthenticator(Settings.read(options.authorization.options))

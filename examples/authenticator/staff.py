"""An authenticator: who is in the staff list may connect, the others are told nothing.

A server that starts with ``server.conf`` beside this file asks it. Try it from this directory::

    PYTHONPATH=. pubsub-server -c server.conf
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from pubsub.errors import AuthenticationFailed, NotConfigured
from pubsub.interfaces import ConnectionAttempt, IAuthenticator, IAuthenticatorPlugin, Identity


@implementer(IAuthenticator)
class StaffAuthenticator:
    """Knows names and the SHA-256 of each one's token."""

    required = True

    def __init__(self, staff: Mapping[str, str]) -> None:
        self._staff = staff

    def authenticate(self, attempt: ConnectionAttempt) -> Identity | None:
        """The identity of a member of staff, ``None`` for other kinds of credentials.

        Something slow (a database, LDAP) returns a Deferred instead: the client waits, the
        server does not.
        """
        user, token = attempt.connect.get("user"), attempt.connect.get("pass")
        if not user or not token:
            return None
        shown = hashlib.sha256(token.encode()).hexdigest()
        if not hmac.compare_digest(self._staff.get(user, ""), shown):
            raise AuthenticationFailed(f"{user} from {attempt.peer} is not staff")
        return Identity(user=user, limits={"max_payload": 4096})


@implementer(IAuthenticatorPlugin)
class StaffPlugin:
    """Makes the authenticator from ``authorization { options { … } }``."""

    name = "staff"
    order = 50

    def create(self, options: Any) -> IAuthenticator:
        """The authenticator for the staff in ``options``."""
        staff = options.authorization.options.get("staff")
        if not staff:
            raise NotConfigured("authorization.options names no staff")
        return StaffAuthenticator(staff)

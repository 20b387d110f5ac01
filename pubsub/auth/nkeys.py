"""Users who have a key of their own: CONNECT with ``nkey`` and ``sig`` over INFO's nonce.

The server knows public keys only; there is nothing in its configuration to steal.
"""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from pubsub.auth.signatures import verify_nonce
from pubsub.auth.users import UserList
from pubsub.errors import AuthenticationFailed, InvalidOption
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IServerAccess,
    IServerAuthenticator,
)
from pubsub.values.strkey import KeyKind, is_public_key

__all__ = ["NKeysAuthenticator", "NKeysPlugin"]


@implementer(IServerAuthenticator)
class NKeysAuthenticator:
    """Knows the users with public keys.

    :param options: :class:`pubsub.config.options.Options`.
    :raises pubsub.errors.InvalidOption: the key of a user is not the public key of a user.
    """

    def __init__(self, options: Any) -> None:
        for user in options.users:
            if user.nkey and not is_public_key(user.nkey, KeyKind.USER):
                raise InvalidOption("Not a valid public nkey for a user")
        self._list = UserList(options)

    @property
    def required(self) -> bool:
        """While there is anybody with a key."""
        return self._list.has_keys

    @property
    def needs_nonce(self) -> bool:
        """While there is anybody with a key."""
        return self.required

    def use_server(self, server: IServerAccess) -> None:
        """Its users are those to ask for."""
        self._list.use_server(server)

    def stop(self) -> None:
        """Nothing to end."""

    def identity_of(self, key: str) -> Identity | None:
        """Who the user of that public key is, without asking for a signature."""
        user = self._list.users.by_nkey(key)
        return None if user is None else self._list.identity(user)

    def admit(self, key: str, attempt: ConnectionAttempt) -> Identity | None:
        """The same, if that user may come this way.

        :raises pubsub.errors.AuthenticationFailed: it may not.
        """
        return self._list.admitted(self._list.users.by_nkey(key), attempt)

    def authenticate(self, attempt: ConnectionAttempt) -> Identity | None:
        """The owner of the key in CONNECT; ``None`` if there is none, or nobody has keys.

        :raises pubsub.errors.AuthenticationFailed: a key nobody has, no signature of this
            nonce by it, or its owner may not come this way.
        """
        key = attempt.connect.get("nkey", "")
        if not key or not self._list.has_keys:
            return None
        user = self._list.users.by_nkey(key)
        if user is None:
            raise AuthenticationFailed("nobody has that nkey")
        self._list.check_way(user, attempt)
        verify_nonce(user.nkey, attempt.nonce, attempt.connect.get("sig", ""))
        return self._list.identity(user)


@implementer(IAuthenticatorPlugin)
class NKeysPlugin:
    """Always there: a program may add users to a server that began with none."""

    name = "nkeys"
    order = 20

    def create(self, options: Any) -> NKeysAuthenticator:
        """The authenticator of the users who have keys.

        :raises pubsub.errors.InvalidOption: one of these keys is none.
        """
        return NKeysAuthenticator(options)

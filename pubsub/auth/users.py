"""The users of the lists, by name and password.

They are in a table that a reload or a program changes while the server runs
(:class:`pubsub.accounts.users.Users`): each login looks at it as it is then. While there is
nobody in it, this authenticator knows nobody and requires nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from pubsub.accounts.users import UserListener, Users
from pubsub.auth.proxies import require_proxy
from pubsub.auth.slowwork import DeferToThread, SlowWork, host_of
from pubsub.errors import AuthenticationFailed, InvalidOption, NotConfigured
from pubsub.interfaces import (
    GLOBAL_ACCOUNT,
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IServerAccess,
    IServerAuthenticator,
    IThreadedAuthenticator,
    Permissions,
)
from pubsub.values.accounts import AccountOptions, UserOptions

if TYPE_CHECKING:
    from pubsub.auth.passwords import Secret

__all__ = ["UserList", "UsersAuthenticator", "UsersPlugin"]

#: what an authenticator says
Outcome = Identity | Deferred[Identity | None] | None


def _listen_weakly(users: Users, changed: UserListener) -> None:
    """Call that method of each change. The table outlives its readers, and must not keep them."""
    weakly = weakref.WeakMethod(changed)

    def listener(key: str, user: UserOptions | None) -> None:
        method = weakly()
        if method is not None:
            method(key, user)

    users.listen(listener)


class UserList:
    """What all who read the table have in common: who a user is, and how it may come.

    :param options: :class:`pubsub.config.options.Options`; their users are the table until
        :meth:`use_server` brings the server's.
    """

    def __init__(self, options: Any) -> None:
        self.users = Users(options.users)
        self._global_permissions: Permissions | None = options.authorization.default_permissions
        self._configured = {account.name: account for account in options.accounts}
        self._server: IServerAccess | None = None
        self._look()

    def use_server(self, server: IServerAccess) -> None:
        """From now on the table, and the accounts, are the server's."""
        self._server = server
        self.users = server.users
        self._look()
        _listen_weakly(self.users, self._look)

    def _look(self, key: str = "", user: UserOptions | None = None) -> None:
        """Whether there are users of either kind: each login wants to know."""
        self.has_keys = any(user.nkey for user in self.users)
        self.has_names = any(not user.nkey for user in self.users)

    def identity(self, user: UserOptions) -> Identity:
        """Who a user is, once it has shown that it is that user.

        The default permissions of its account are not among its own: they may change while it
        is here.
        """
        permissions = user.permissions
        if permissions is None and user.account == GLOBAL_ACCOUNT:
            account = self._account(user.account)
            if account is None or account.default_permissions is None:
                permissions = self._global_permissions
        return Identity(user.nkey or user.user, user.account, permissions, nkey=user.nkey)

    def admitted(self, user: UserOptions | None, attempt: ConnectionAttempt) -> Identity | None:
        """Who that user is, without asking for credentials, if it may come this way.

        :raises pubsub.errors.AuthenticationFailed: it may not.
        """
        if user is None:
            return None
        self.check_way(user, attempt)
        return self.identity(user)

    def check_way(self, user: UserOptions, attempt: ConnectionAttempt) -> None:
        """Return if that user may come by this kind of connection, and without a proxy.

        :raises pubsub.errors.AuthenticationFailed: it may not.
        """
        allowed = user.connection_types
        if allowed and attempt.connection_type not in allowed:
            raise AuthenticationFailed(f"not by a {attempt.connection_type} connection")
        if user.proxy_required:
            require_proxy(attempt)

    def _account(self, name: str) -> AccountOptions | None:
        if self._server is not None:
            account: AccountOptions | None = self._server.accounts.find(name)
            return account
        return self._configured.get(name)


class _Passwords:
    """The passwords of a table that changes: each is read once."""

    _log = Logger()

    def __init__(self) -> None:
        self._secrets: dict[str, tuple[str, Secret | None]] = {}
        #: those of them that are hashes
        self._slow: dict[str, Secret] = {}
        self._decoy: tuple[Secret, Secret] | None = None

    def load(self, users: Iterable[UserOptions]) -> None:
        """Read all of them.

        :raises pubsub.errors.InvalidOption: one cannot be checked.
        """
        for user in users:
            if user.user:
                self._keep(user, self._read(user))

    def follow(self, users: Users) -> None:
        """Read those of that table, and from now on each that changes."""
        for user in users:
            if user.user:
                self.of(user)
        _listen_weakly(users, self._changed)

    def of(self, user: UserOptions) -> Secret | None:
        """The password of that user; ``None`` if it is a string that cannot be checked."""
        known = self._secrets.get(user.user)
        if known is not None and known[0] == user.password:
            return known[1]
        try:
            secret: Secret | None = self._read(user)
        except InvalidOption as error:
            self._log.error("Nobody can log in as {user}: {error}", user=user.user, error=error)
            secret = None
        self._keep(user, secret)
        return secret

    def decoy(self) -> Secret | None:
        """What to check for a user who is not there, if there are slow passwords."""
        slow = next(iter(self._slow.values()), None)
        if slow is None:
            return None
        if self._decoy is None or self._decoy[0] is not slow:
            self._decoy = slow, slow.decoy()
        return self._decoy[1]

    def _changed(self, key: str, user: UserOptions | None) -> None:
        if user is not None and user.user:
            self.of(user)
        elif user is None:
            self._secrets.pop(key, None)
            self._slow.pop(key, None)

    def _keep(self, user: UserOptions, secret: Secret | None) -> None:
        self._secrets[user.user] = user.password, secret
        if secret is not None and secret.slow:
            self._slow[user.user] = secret
        else:
            self._slow.pop(user.user, None)

    def _read(self, user: UserOptions) -> Secret:
        # not at the top: only who has users needs what this loads
        from pubsub.auth.passwords import Secret

        return Secret(user.password, f"password of user {user.user!r}")


@implementer(IThreadedAuthenticator, IServerAuthenticator)
class UsersAuthenticator:
    """Knows the users with names.

    A wrong password, a user without one and a user who is not there all take the same time:
    if any password in the table is a hash, each refusal costs the check of one.

    :param options: :class:`pubsub.config.options.Options`.
    :raises pubsub.errors.InvalidOption: a password is a string that cannot be checked.
    """

    def __init__(self, options: Any) -> None:
        self.list = UserList(options)
        self._passwords = _Passwords()
        self._passwords.load(self.list.users)
        self._slow_work: SlowWork | None = None
        # A callout service is asked about everybody who is not in the list: there most are not,
        # and it is that service which must not tell whom it knows.
        self._hide_names = options.authorization.auth_callout is None

    @property
    def required(self) -> bool:
        """While there is anybody with a name."""
        return self.list.has_names

    def use_threads(self, defer_to_thread: DeferToThread) -> None:
        """Check hashes with this."""
        self._slow_work = SlowWork.on(defer_to_thread)

    def use_server(self, server: IServerAccess) -> None:
        """Its users are those to ask for."""
        self.list.use_server(server)
        self._passwords.follow(self.list.users)

    def stop(self) -> None:
        """Nothing to end."""

    def identity_of(self, key: str) -> Identity | None:
        """Who the user of that name is, without asking for credentials."""
        user = self.list.users.by_name(key)
        return None if user is None else self.list.identity(user)

    def admit(self, key: str, attempt: ConnectionAttempt) -> Identity | None:
        """The same, if that user may come this way.

        :raises pubsub.errors.AuthenticationFailed: it may not.
        """
        return self.list.admitted(self.list.users.by_name(key), attempt)

    def authenticate(self, attempt: ConnectionAttempt) -> Outcome:
        """The user named in CONNECT; ``None`` if none is named, or there are none at all.

        :raises pubsub.errors.AuthenticationFailed: no such user, another password, or it may
            not come this way.
        """
        name = attempt.connect.get("user", "")
        if not name or not self.list.has_names:
            return None
        return self.check(self.list.users.by_name(name), attempt)

    def check(self, user: UserOptions | None, attempt: ConnectionAttempt) -> Outcome:
        """The identity of that user, if CONNECT has its password; ``None`` is an unknown one.

        :raises pubsub.errors.AuthenticationFailed: as above.
        """
        shown = attempt.connect.get("pass", "")
        secret = None if user is None else self._passwords.of(user)
        if user is None or secret is None:
            return self._refuse(attempt, shown)
        if secret.slow:
            return self._later(secret, attempt, shown).addCallback(self._decide, user, attempt)
        if not secret.matches(shown):
            return self._refuse(attempt, shown)
        return self._decide(True, user, attempt)

    def _refuse(self, attempt: ConnectionAttempt, shown: str) -> Deferred[Identity | None]:
        decoy = self._passwords.decoy() if self._hide_names else None
        if decoy is None:
            raise _wrong()
        return self._later(decoy, attempt, shown).addCallback(_never)

    def _later(self, secret: Secret, attempt: ConnectionAttempt, shown: str) -> Deferred[Any]:
        if self._slow_work is None:
            raise AuthenticationFailed("bcrypt and argon2 passwords need threads")
        return secret.matches_later(shown, self._slow_work.of(host_of(attempt)))

    def _decide(self, right: bool, user: UserOptions, attempt: ConnectionAttempt) -> Identity:
        # it may have been changed, or dropped, while its password was checked
        if not right or self.list.users.by_name(user.user) != user:
            raise _wrong()
        self.list.check_way(user, attempt)
        return self.list.identity(user)


def _wrong() -> AuthenticationFailed:
    return AuthenticationFailed("unknown user or wrong password")


def _never(right: bool) -> None:
    raise _wrong()


@implementer(IAuthenticatorPlugin)
class UsersPlugin:
    """Always there, for a program may add users to a server that began with none; but where
    users are taken from certificates, they are not asked for passwords alone.
    """

    name = "users"
    order = 30

    def create(self, options: Any) -> UsersAuthenticator:
        """The authenticator of the users who have names.

        :raises pubsub.errors.NotConfigured: users are taken from certificates.
        :raises pubsub.errors.InvalidOption: a password cannot be checked.
        """
        if options.tls is not None and options.tls.verify_and_map:
            raise NotConfigured("tls.verify_and_map is on")
        return UsersAuthenticator(options)

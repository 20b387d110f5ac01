"""Users and accounts that a program adds, changes and drops while the server runs.

Clients they concern are updated or disconnected exactly as on a reload. What a program has
said stays in force: a reload of the configuration changes what is in the file, and the
program's users and accounts stand in place of the file's with the same name.
Call these methods in the reactor's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pubsub.accounts.registry import Accounts
from pubsub.accounts.users import Users, user_key
from pubsub.errors import ConfigError
from pubsub.interfaces import GLOBAL_ACCOUNT
from pubsub.values.accounts import AccountOptions, UserOptions

__all__ = ["LiveAccounts"]


class LiveAccounts:
    """What a program may change of a server's users and accounts.

    :param flush: writes out what clients are told; called after each change.
    """

    def __init__(
        self, accounts: Accounts, users: Users, flush: Callable[[], None] = lambda: None
    ) -> None:
        self._accounts = accounts
        self._users = users
        self._flush = flush
        #: what stands in place of the configuration; ``None``: dropped
        self._own_users: dict[str, UserOptions | None] = {}
        self._own_accounts: dict[str, AccountOptions | None] = {}

    # users

    def users(self, account: str | None = None) -> Sequence[UserOptions]:
        """All users, or those of one account."""
        return [user for user in self._users if account in (None, user.account)]

    def find_user(self, name: str) -> UserOptions | None:
        """The user of that name or public key."""
        return self._users.find(name)

    def add_user(self, user: UserOptions) -> None:
        """Add a user, or change the one of that name or key.

        Its clients get its new permissions; who came with another password, or belongs to
        another account now, is closed. With the first user of a server credentials are
        required of everybody.

        :raises pubsub.errors.ConfigError: its account is not there, or it has neither name
            nor key.
        """
        if self._accounts.find(user.account) is None:
            raise ConfigError(f'user "{user_key(user)}": account "{user.account}" does not exist')
        self._users.add(user)
        self._own_users[user_key(user)] = user
        self._flush()

    def drop_user(self, name: str) -> bool:
        """Forget the user of that name or public key, and close its clients.

        :returns: whether there was one.
        """
        dropped = self._users.drop(name)
        if dropped:
            self._own_users[name] = None
            self._flush()
        return dropped

    # accounts

    def accounts(self) -> Sequence[AccountOptions]:
        """All accounts that are known now."""
        found = (self._accounts.find(name) for name in self._accounts.names())
        return [account for account in found if account is not None]

    def find_account(self, name: str) -> AccountOptions | None:
        """The account of that name."""
        return self._accounts.find(name)

    def connections(self, name: str) -> int:
        """How many clients an account has."""
        return self._accounts.connections(name)

    def set_account(self, account: AccountOptions) -> None:
        """Add an account, or change it.

        :raises pubsub.errors.ConfigError: its exports or imports cannot be; nothing was changed.
        """
        self._accounts.update(account)
        self._own_accounts[account.name] = account
        self._flush()

    def drop_account(self, name: str) -> bool:
        """Forget an account and its users, and close its clients, busy as they may be.

        What others import from it is silent until it is there again.

        :returns: whether there was one.
        :raises pubsub.errors.ConfigError: no server can be without this account.
        """
        if name in (GLOBAL_ACCOUNT, self._accounts.system_account):
            raise ConfigError(f'account "{name}" cannot be dropped')
        if self._accounts.find(name) is None:
            return False
        # First, so that nobody can come in by them meanwhile.
        for user in self.users(name):
            self._users.drop(user_key(user))
            self._own_users[user_key(user)] = None
        self._accounts.remove(name, silently=True)
        self._own_accounts[name] = None
        self._flush()
        return True

    # reloads

    def with_users(self, configured: Iterable[UserOptions]) -> Sequence[UserOptions]:
        """The users of a configuration, and in their place what the program has said."""
        own = self._own_users
        kept = [
            user
            for user in configured
            if user_key(user) not in own and not self._was_dropped(user.account)
        ]
        return [*kept, *(user for user in own.values() if user is not None)]

    def with_accounts(self, configured: Iterable[AccountOptions]) -> Sequence[AccountOptions]:
        """The accounts of a configuration, likewise."""
        own = self._own_accounts
        kept = [account for account in configured if account.name not in own]
        return [*kept, *(account for account in own.values() if account is not None)]

    def _was_dropped(self, account: str) -> bool:
        return account in self._own_accounts and self._own_accounts[account] is None

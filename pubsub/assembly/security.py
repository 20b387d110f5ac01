"""Who may do what, put together: accounts, users, and the authenticators that know them."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.task import Clock

from pubsub.accounts.live import LiveAccounts
from pubsub.accounts.registry import Accounts
from pubsub.accounts.users import Users
from pubsub.assembly.access import ServerAccess
from pubsub.auth.chain import AuthenticatorChain, create_chain
from pubsub.errors import ConfigError
from pubsub.interfaces import RouterSettings
from pubsub.router.choose import choose_backend
from pubsub.values.accounts import AccountOptions
from pubsub.values.identity import GLOBAL_ACCOUNT

if TYPE_CHECKING:
    from pubsub.config.options import Options
    from pubsub.config.places import Places
    from pubsub.interfaces import IRouter, IServerIdentity

__all__ = ["Security", "accounts_of", "check_accounts", "new_nonce", "system_account_of"]

#: as many as nats-server's, which makes 15 characters of them
_NONCE_BYTES = 11


def new_nonce() -> str:
    """Something to sign that nobody could have known before."""
    return base64.urlsafe_b64encode(os.urandom(_NONCE_BYTES)).rstrip(b"=").decode("ascii")


def accounts_of(options: Options) -> Iterator[AccountOptions]:
    """The accounts of a configuration; the global one has the mappings of the top level."""
    mappings = options.mappings
    for account in options.accounts:
        if account.name == GLOBAL_ACCOUNT:
            account = replace(account, mappings=(*mappings, *account.mappings))
            mappings = ()
        yield account
    if mappings:
        yield AccountOptions(GLOBAL_ACCOUNT, mappings=mappings)


def check_accounts(options: Options, places: Places) -> None:
    """Would the accounts of a configuration do? Nothing is built.

    :param places: where things stand in it.
    :raises pubsub.errors.ConfigError: they would not.
    """
    router = choose_backend("python").create(RouterSettings())
    accounts = Accounts(router, Clock(), system_account=system_account_of(options))
    try:
        accounts.check(accounts_of(options))
    except ConfigError as error:
        raise places.error(error.message, error.path) from error


def system_account_of(options: Options) -> str:
    """The name of the system account, ``""`` for none."""
    return "" if options.no_system_account else options.system_account


class Security:
    """The accounts and users of one server, and its authenticators.

    :param identity: the keys of the server.
    :param name: its name.
    :param info: nats-server's ServerInfo, without number and time.
    :param linked: whether other servers may hear what is said in the system account.
    :ivar access: the server as authenticators see it.
    :ivar live: what a program may change.
    :raises pubsub.errors.ConfigError: accounts import what they cannot.
    """

    def __init__(
        self,
        options: Options,
        reactor: Any,
        router: IRouter,
        identity: IServerIdentity,
        name: Callable[[], str],
        info: Callable[[], Mapping[str, Any]],
        linked: Callable[[], bool] = bool,
    ) -> None:
        self.system_account = system_account_of(options)
        self._reactor = reactor
        router.system_account = self.system_account
        self.accounts = Accounts(router, reactor, system_account=self.system_account)
        self.users = Users(options.users)
        self.access = ServerAccess(
            reactor,
            router,
            self.accounts,
            self.users,
            identity,
            self.system_account,
            name,
            info,
            linked,
        )
        self.accounts.internal_client = self.access.internal_client
        self.accounts.replace_all(accounts_of(options))
        self.live = LiveAccounts(self.accounts, self.users, router.flush)

    def authenticators(self, options: Options) -> AuthenticatorChain:
        """Those that ``options`` ask for; whoever takes them stops them.

        :raises pubsub.errors.PubSubError: one of them cannot be.
        """
        return create_chain(options, self._reactor, self.access.defer_to_thread, server=self.access)

    def check(self, options: Options) -> None:
        """Would :meth:`change_accounts` take these?

        :raises pubsub.errors.ConfigError: it would not.
        """
        self.accounts.check(self.live.with_accounts(accounts_of(options)))

    def change_accounts(self, options: Options) -> None:
        """The accounts are those of ``options`` now, and those a program or a JWT has made."""
        self.accounts.replace_all(self.live.with_accounts(accounts_of(options)))

    def change_users(self, options: Options) -> None:
        """Likewise the users."""
        self.users.replace_all(self.live.with_users(options.users))

    def close(self) -> None:
        """The server is gone."""
        self.access.close()

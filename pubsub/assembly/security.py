"""Who may do what, put together: accounts, users, and the authenticators that know them."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pubsub.accounts.registry import Accounts
from pubsub.accounts.users import Users
from pubsub.assembly.access import ServerAccess
from pubsub.auth.chain import AuthenticatorChain, create_chain
from pubsub.values.accounts import AccountOptions
from pubsub.values.identity import GLOBAL_ACCOUNT

if TYPE_CHECKING:
    from pubsub.config.options import Options
    from pubsub.interfaces import IRouter, IServerIdentity

__all__ = ["Security", "accounts_of", "new_nonce"]

#: as many as nats-server's, which makes 15 characters of them
_NONCE_BYTES = 11


def new_nonce() -> str:
    """Something to sign that nobody could have known before."""
    return base64.urlsafe_b64encode(os.urandom(_NONCE_BYTES)).rstrip(b"=").decode("ascii")


def accounts_of(options: Options) -> Iterator[AccountOptions]:
    """The accounts of a configuration; the global one has the mappings of the top level."""
    if options.mappings:
        yield AccountOptions(GLOBAL_ACCOUNT, mappings=options.mappings)
    yield from options.accounts


class Security:
    """The accounts and users of one server, and its authenticators.

    :param identity: the keys of the server.
    :param name: its name.
    :param info: nats-server's ServerInfo, without number and time.
    :ivar access: the server as authenticators see it.
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
    ) -> None:
        self.system_account = "" if options.no_system_account else options.system_account
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
        )
        self.accounts.internal_client = self.access.internal_client
        self.accounts.replace_all(accounts_of(options))

    def authenticators(self, options: Options) -> AuthenticatorChain:
        """Those that ``options`` ask for; whoever takes them stops them.

        :raises pubsub.errors.PubSubError: one of them cannot be.
        """
        return create_chain(options, self._reactor, self.access.defer_to_thread, server=self.access)

    def change_accounts(self, options: Options) -> None:
        """The accounts are those of ``options`` now; those that came as JWTs stay.

        :raises pubsub.errors.ConfigError: they cannot be; nothing was changed.
        """
        self.accounts.replace_all(accounts_of(options))

    def close(self) -> None:
        """The server is gone."""
        self.access.close()

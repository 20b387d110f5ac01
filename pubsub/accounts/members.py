"""Who is in which account, and what becomes of them when it changes.

The order of what is looked at is nats-server's (``updateAccountClaimsWithRefresh``): those
who came last and are too many go, the others get the new limits, and then whoever the
account does not accept any more goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Protocol

from pubsub.errors import (
    AccountAuthenticationExpired,
    ClientFault,
    ClosedState,
    FailedAccountRegistration,
    MaximumAccountConnectionsExceeded,
)
from pubsub.values.accounts import AccountOptions
from pubsub.values.identity import Identity

__all__ = ["IAccountMember", "Members"]

#: numbers everybody who comes into an account, as a client or as a leaf node
_ARRIVALS = count()


def _none(name: str) -> int:
    return 0


class IAccountMember(Protocol):
    """A client, as its account sees it."""

    identity: Identity

    def fault(self, fault: ClientFault) -> None:
        """Tell it, and close it if the fault closes."""

    def close(self, state: ClosedState) -> None:
        """Close it without a word."""

    def account_changed(self, account: AccountOptions) -> None:
        """Obey the account's limits and default permissions as they are now."""


class Members:
    """The clients of each account, in the order they came.

    :param wall: epoch seconds.
    :ivar others: how many of an account count for its limit besides these: those of other
        servers.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self.others: Callable[[str], int] = _none
        #: by account, and what number they are of all that ever came
        self._clients: dict[str, dict[Any, int]] = {}
        self._account_of: dict[Any, str] = {}

    def limit(self, account: AccountOptions) -> int:
        """How many there may be of ``account``, -1 for any number."""
        return account.limits.max_connections

    def count(self, name: str) -> int:
        """How many there are."""
        return len(self._clients.get(name, ()))

    def of(self, name: str) -> Sequence[Any]:
        """All of them."""
        return list(self._clients.get(name, ()))

    def arrivals(self, name: str) -> Sequence[tuple[int, Any]]:
        """All of them, after a number that is higher the later they came."""
        return [(number, client) for client, number in self._clients.get(name, {}).items()]

    def excess(self, account: AccountOptions) -> int:
        """How many there are too many of ``account``, those of other servers included; as a
        negative number, how many more there may be. -1 if there is no limit."""
        limit = self.limit(account)
        if limit < 0:
            return -1
        return self.count(account.name) + self.others(account.name) - limit

    def register(
        self, client: IAccountMember, identity: Identity, account: AccountOptions | None
    ) -> ClientFault | None:
        """Put ``client`` into ``account``, out of any other; or say why not."""
        self.unregister(client)
        if account is None:
            return FailedAccountRegistration(
                f'Problem registering with account "{identity.account}": account missing'
            )
        if self._is_over(account):
            return AccountAuthenticationExpired()
        if self.excess(account) >= 0:
            return MaximumAccountConnectionsExceeded()
        self._clients.setdefault(account.name, {})[client] = next(_ARRIVALS)
        self._account_of[client] = account.name
        return None

    def unregister(self, client: IAccountMember) -> None:
        """Take ``client`` out of its account, if it is in one."""
        name = self._account_of.pop(client, None)
        if name is None:
            return
        clients = self._clients[name]
        del clients[client]
        if not clients:
            del self._clients[name]

    def changed(self, account: AccountOptions) -> None:
        """Apply to its clients what ``account`` is now."""
        if self._is_over(account):
            self.fault_all(account.name, AccountAuthenticationExpired())
            return
        limit = self.limit(account)
        for place, client in enumerate(self.of(account.name)):
            if 0 <= limit <= place:
                client.fault(MaximumAccountConnectionsExceeded())
                continue
            client.account_changed(account)
            still_valid = client.identity.still_valid
            fault = still_valid(account) if still_valid is not None else None
            if fault is not None:
                client.fault(fault)

    def fault_all(self, name: str, fault: ClientFault) -> None:
        """All its clients hear the same, and go if it closes."""
        for client in self.of(name):
            client.fault(fault)

    def close_all(self, name: str) -> None:
        """All its clients go, without a word: they may come again and be somebody else."""
        for client in self.of(name):
            client.close(ClosedState.CLIENT_CLOSED)

    def _is_over(self, account: AccountOptions) -> bool:
        return 0.0 < account.expires <= self._wall()

"""How busy an account is, as events, requests and ``/accstatz`` show it (``AccountStat``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pubsub.interfaces import PeerKind
from pubsub.system.advisories import traffic

if TYPE_CHECKING:
    from pubsub.interfaces import IAccounts, IRouter

__all__ = ["AccountFigures"]

#: as nats-server calls them, in its order
_LINKS = {"gateways": PeerKind.GATEWAY, "routes": PeerKind.ROUTE, "leafs": PeerKind.LEAF}


class AccountFigures:
    """The figures of all accounts of one server."""

    def __init__(self, router: IRouter, accounts: IAccounts) -> None:
        self._router = router
        self._accounts = accounts
        self._slow: dict[str, int] = {}

    def slow_consumer(self, account: str) -> None:
        """A client of the account was closed because it did not read."""
        self._slow[account] = self._slow.get(account, 0) + 1

    def name_tag(self, account: str) -> str:
        """What the account is called: its own name without another one."""
        known = self._accounts.find(account)
        return (known.name_tag if known is not None else "") or account

    def subscriptions(self, account: str) -> int:
        """How many subscriptions there are in it, those for imports included."""
        return self._router.subscription_count(account)

    def active(self) -> int:
        """How many accounts have clients."""
        return sum(1 for name in self._accounts.names() if self._accounts.connections(name))

    def stat(self, account: str) -> dict[str, Any]:
        """All of it, in the order of nats-server's fields."""
        connections = self._accounts.connections(account)
        leafnodes = self._accounts.leafnodes(account)
        clients = self._router.account_counters(account)
        links = {name: self._router.linked_counters(account, kind) for name, kind in _LINKS.items()}
        return {
            "acc": account,
            "name": self.name_tag(account),
            "conns": connections,
            "leafnodes": leafnodes,
            "total_conns": connections + leafnodes,
            "num_subscriptions": self.subscriptions(account),
            "sent": traffic(clients[2:], {name: each[2:] for name, each in links.items()}),
            "received": traffic(clients[:2], {name: each[:2] for name, each in links.items()}),
            "slow_consumers": self._slow.get(account, 0),
        }

    def statz(self, names: list[str] | None = None, unused: bool = False) -> list[dict[str, Any]]:
        """The same of several accounts (``AccountStatz``).

        :param names: these, if they are known here; ``None`` or none for all.
        :param unused: also those without clients.
        """
        wanted = names or list(self._accounts.names())
        return [
            self.stat(name)
            for name in wanted
            if self._accounts.find(name) is not None
            and (unused or self._accounts.connections(name) or self._accounts.leafnodes(name))
        ]

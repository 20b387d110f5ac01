"""How many clients and leaf nodes of each account the other servers have.

The limits of an account are about all servers together, so each tells the others how many it
has (nats-server: ``strack``, ``nrclients`` and ``nrleafs`` of an account,
``updateRemoteServer`` and ``removeRemoteServer``). Nothing is kept of servers that have none.
"""

from __future__ import annotations

__all__ = ["Elsewhere"]

_NONE = (0, 0)


class Elsewhere:
    """The last that each server has said of each account."""

    def __init__(self) -> None:
        #: by account and server id: clients and leaf nodes
        self._said: dict[str, dict[str, tuple[int, int]]] = {}
        #: their sums, by account: asked for each client that connects
        self._sums: dict[str, tuple[int, int]] = {}

    def clients(self, account: str) -> int:
        """How many clients of ``account`` others have."""
        return self._sums.get(account, _NONE)[0]

    def leafnodes(self, account: str) -> int:
        """How many leaf nodes of it they have."""
        return self._sums.get(account, _NONE)[1]

    def says(self, server_id: str, account: str, clients: int, leafnodes: int) -> None:
        """That server has so many of that account, whatever it has said before."""
        before = self._said.get(account, {}).get(server_id, _NONE)
        self._add(account, clients - before[0], leafnodes - before[1])
        if clients or leafnodes:
            self._said.setdefault(account, {})[server_id] = (clients, leafnodes)
        else:
            self._forget(account, server_id)

    def server_gone(self, server_id: str) -> None:
        """That server is there no more."""
        for account in [name for name, servers in self._said.items() if server_id in servers]:
            self.says(server_id, account, 0, 0)

    def account_gone(self, account: str) -> None:
        """This server does not know that account any more."""
        self._said.pop(account, None)
        self._sums.pop(account, None)

    def _add(self, account: str, clients: int, leafnodes: int) -> None:
        before = self._sums.get(account, _NONE)
        after = before[0] + clients, before[1] + leafnodes
        if after == _NONE:
            self._sums.pop(account, None)
        else:
            self._sums[account] = after

    def _forget(self, account: str, server_id: str) -> None:
        servers = self._said.get(account, {})
        servers.pop(server_id, None)
        if not servers:
            self._said.pop(account, None)

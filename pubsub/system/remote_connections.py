"""How many clients and leaf nodes of each account the other servers have, as they say.

Theory of operation. Each server tells the number when it changes and every half minute
(:mod:`pubsub.system.events`); all listen to that, and what they hear counts for the limits of
the account (:meth:`pubsub.accounts.registry.Accounts.connections_elsewhere`). It is asked for
where nobody may say it for a while: of an account that is new here, and when another server is
heard of, of all accounts that are limited. A server that leaves or is silent for long
(:mod:`pubsub.system.remote_servers`) has no connections any more. (nats-server:
``remoteConnsUpdate``, ``enableAccountTracking``, ``processRemoteServerShutdown``; it does not
ask when it hears of a server.)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pubsub.interfaces import GLOBAL_ACCOUNT
from pubsub.wire.info import go_json

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from pubsub.router.internal import InternalMessage
    from pubsub.system.bus import SystemBus
    from pubsub.system.remote_servers import RemoteServers

__all__ = ["RemoteConnections"]

#: nats-server listens to the older of the two subjects, and so do we: all tell on both
_TOLD = b"$SYS.SERVER.ACCOUNT.*.CONNS"
#: Accounts asked about in one turn, and the seconds from one turn to the next: with thousands
#: of accounts neither this server nor those who answer should do nothing else for a while.
_AT_ONCE = 100
_PAUSE = 0.1
#: More than any server has of either; Go's int32.
_MOST = 2**31 - 1


class RemoteConnections:
    """Listens to the others, and asks them.

    :param servers: who they are; whoever tells a number is one of them.
    """

    def __init__(self, bus: SystemBus, servers: RemoteServers) -> None:
        self._bus = bus
        self._servers = servers
        self._inbox = f"$SYS._INBOX_.{bus.server.server_id}".encode()
        #: accounts to ask about, in that order
        self._unasked: dict[str, None] = {}
        self._asking: IDelayedCall | None = None

    def start(self) -> None:
        """Listen, until the bus closes."""
        accounts = self._bus.server.accounts
        self._bus.client.subscribe(_TOLD, self._told)
        self._bus.client.subscribe(self._inbox, self._told)
        self._servers.watch(self._found, accounts.server_gone)
        accounts.appeared = self._appeared

    def stop(self) -> None:
        """Ask nothing more."""
        self._bus.server.accounts.appeared = None
        self._unasked.clear()
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    def _told(self, message: InternalMessage) -> None:
        said = _read(message.payload)
        if said is None:
            return
        server_id, account, clients, leafnodes = said
        accounts = self._bus.server.accounts
        # of what nobody knows here nothing is kept
        if accounts.find(account) is not None and self._servers.hear(server_id):
            accounts.connections_elsewhere(server_id, account, clients, leafnodes)

    def _found(self) -> None:
        """Another server is there: perhaps with clients that it told of before."""
        for account in self._bus.server.accounts.names():
            self._ask_soon(account)

    def _appeared(self, account: str) -> None:
        """It is new here: others may have clients of it."""
        if self._servers.ids():
            self._ask_soon(account)

    def _ask_soon(self, account: str) -> None:
        options = self._bus.server.accounts.find(account)
        if options is None or account == GLOBAL_ACCOUNT:  # that one is not counted
            return
        if options.limits.max_connections < 0 and options.limits.max_leafnodes < 0:
            return
        self._unasked[account] = None
        if self._asking is None:
            self._asking = self._bus.server.clock.callLater(0, self._ask)

    def _ask(self) -> None:
        self._asking = None
        for account in list(self._unasked)[:_AT_ONCE]:
            del self._unasked[account]
            asked = go_json({"server": self._bus.stamp(), "acc": account})
            subject = f"$SYS.REQ.ACCOUNT.{account}.CONNS".encode()
            self._bus.client.publish(subject, asked, self._inbox)
        if self._unasked:
            self._asking = self._bus.server.clock.callLater(_PAUSE, self._ask)


def _read(payload: bytes) -> tuple[str, str, int, int] | None:
    """Server id, account, clients and leaf nodes (``AccountNumConns``); ``None``: none of that."""
    try:
        event = json.loads(payload.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    server = event.get("server") if isinstance(event, dict) else None
    server_id = server.get("id") if isinstance(server, dict) else None
    if not isinstance(server_id, str) or not isinstance(event.get("acc"), str) or not server_id:
        return None
    clients, leafnodes = (_number(event.get(name, 0)) for name in ("conns", "leafnodes"))
    if clients is None or leafnodes is None:
        return None
    return server_id, event["acc"], clients, leafnodes


def _number(value: Any) -> int | None:
    """It, if it is how many there may be of something."""
    return value if type(value) is int and 0 <= value <= _MOST else None

"""System events: who came, who went, who was refused, and how many there are.

``$SYS.ACCOUNT.<account>.CONNECT`` and ``.DISCONNECT``, ``$SYS.SERVER.<id>.CLIENT.AUTH.ERR``,
``$SYS.ACCOUNT.<account>.SERVER.CONNS``, ``$SYS.SERVER.<id>.LAMEDUCK`` and ``.SHUTDOWN``, in
the system account; ``$SYS.ACCOUNT.CLIENT.AUTH.ERR`` in the account it concerns. They are
nats-server's, in its order (``server/events.go``): the number of connections goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from pubsub.errors import AuthorizationViolation, ClosedState
from pubsub.interfaces import GLOBAL_ACCOUNT, IClientObserver
from pubsub.system.advisories import (
    ACCOUNT_CONNECTIONS,
    CLIENT_CONNECT,
    CLIENT_DISCONNECT,
    client_block,
    counts,
    typed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IDelayedCall

    from pubsub.client.protocol import ClientProtocol
    from pubsub.errors import ClientFault
    from pubsub.system.account_figures import AccountFigures
    from pubsub.system.bus import SystemBus

__all__ = ["SystemEvents"]

#: Seconds after which the number of connections is told again although it is the same
#: (nats-server: eventsHBInterval).
_HEARTBEAT = 30.0

_SLOW = frozenset(
    {ClosedState.SLOW_CONSUMER_PENDING_BYTES, ClosedState.SLOW_CONSUMER_WRITE_DEADLINE}
)


@implementer(IClientObserver)
class SystemEvents:
    """Tells the system account of the clients of one server.

    :param refused_account: the account that hears of refused clients which belong to none,
        asked each time (with auth callout that of its service).
    """

    def __init__(
        self,
        bus: SystemBus,
        figures: AccountFigures,
        refused_account: Callable[[], str] = lambda: GLOBAL_ACCOUNT,
    ) -> None:
        self._bus = bus
        self._figures = figures
        self._refused_account = refused_account
        self._server_id: str = bus.server.server_id
        #: accounts with clients, and when they are due; they are due in this order, since
        #: all wait the same time
        self._due: dict[str, float] = {}
        self._heartbeat: IDelayedCall | None = None
        #: SHUTDOWN was the last word: that everybody goes then is no news
        self._silent = False

    # clients (IClientObserver)

    def client_connected(self, client: ClientProtocol) -> None:
        """Its CONNECT was accepted."""
        if self._silent:
            return
        account = client.link.account if client.link is not None else GLOBAL_ACCOUNT
        self.connections_changed(account)
        subject = f"$SYS.ACCOUNT.{account}.CONNECT"
        if self._bus.is_wanted(subject):
            self._bus.publish(
                subject,
                {
                    **typed(CLIENT_CONNECT, self._bus.ids.next(), self._bus.now()),
                    "server": self._bus.stamp(),
                    "client": client_block(
                        client,
                        client.describe(),
                        account=account,
                        name_tag=self._figures.name_tag(account),
                    ),
                },
            )

    def client_disconnected(self, client: ClientProtocol) -> None:
        """It is gone."""
        if self._silent:
            return
        account = client.link.account if client.link is not None else GLOBAL_ACCOUNT
        state = client.closed_state or ClosedState.CLIENT_CLOSED
        if state in _SLOW:
            self._figures.slow_consumer(account)
        self.connections_changed(account)
        subject = f"$SYS.ACCOUNT.{account}.DISCONNECT"
        if self._bus.is_wanted(subject):
            self._bus.publish(subject, self._ended(client, account, state.value))

    def client_refused(self, client: ClientProtocol, fault: ClientFault) -> None:
        """Its CONNECT was not accepted: operators hear of it, and the account it came to."""
        if (
            self._silent
            or not isinstance(fault, AuthorizationViolation)
            or fault.closed_state is None
        ):
            return
        reason = fault.closed_state.value
        account = client.link.account if client.link is not None else GLOBAL_ACCOUNT
        if account == GLOBAL_ACCOUNT:
            account = self._refused_account() or account
        own = "$SYS.ACCOUNT.CLIENT.AUTH.ERR"
        if self._bus.is_wanted(own, account):
            self._bus.publish(own, self._ended(client, account, reason), account)
        subject = f"$SYS.SERVER.{self._server_id}.CLIENT.AUTH.ERR"
        if self._bus.is_wanted(subject):
            self._bus.publish(subject, self._ended(client, GLOBAL_ACCOUNT, reason))
        subject = f"$SYS.ACCOUNT.{GLOBAL_ACCOUNT}.DISCONNECT"
        # Of who was there before (a second CONNECT) it will be told when it goes.
        if not client.announced and self._bus.is_wanted(subject):
            self._bus.publish(subject, self._ended(client, GLOBAL_ACCOUNT, reason))

    def _ended(self, client: ClientProtocol, account: str, reason: str) -> dict[str, Any]:
        """A ``client_disconnect`` advisory."""
        now, info = self._bus.now(), client.describe()
        counters = info.counters
        return {
            **typed(CLIENT_DISCONNECT, self._bus.ids.next(), now),
            "server": self._bus.stamp(),
            "client": client_block(
                client, info, account=account, name_tag=self._figures.name_tag(account), stop=now
            ),
            # The client's view: it sent what we received.
            "sent": counts(counters.in_msgs, counters.in_bytes),
            "received": counts(counters.out_msgs, counters.out_bytes),
            "reason": reason,
        }

    # accounts

    def connections_changed(self, account: str) -> None:
        """Tell how many clients and leaf nodes the account has, now and every half minute while
        it has any.

        The global account is not counted, as in nats-server.
        """
        if account == GLOBAL_ACCOUNT:
            return
        self._due.pop(account, None)
        accounts = self._bus.server.accounts
        if accounts.connections(account) or accounts.leafnodes(account):
            self._due[account] = self._bus.server.clock.seconds() + _HEARTBEAT
            self._plan()
        old, new = f"$SYS.SERVER.ACCOUNT.{account}.CONNS", f"$SYS.ACCOUNT.{account}.SERVER.CONNS"
        wanted = [subject for subject in (old, new) if self._bus.is_wanted(subject)]
        if wanted:
            event = self.connections_event(account)
            self._bus.publish(wanted.pop(0), event)
            for subject in wanted:
                self._bus.publish(subject, {**event, "server": self._bus.stamp()})

    def connections_event(self, account: str) -> dict[str, Any]:
        """How many clients the account has, and what they do (``AccountNumConns``)."""
        return {
            **typed(ACCOUNT_CONNECTIONS, self._bus.ids.next(), self._bus.now()),
            "server": self._bus.stamp(),
            **self._figures.stat(account),
        }

    def _plan(self) -> None:
        if self._due and self._heartbeat is None:
            clock = self._bus.server.clock
            soonest = next(iter(self._due.values()))
            self._heartbeat = clock.callLater(max(0.0, soonest - clock.seconds()), self._beats)

    def _beats(self) -> None:
        self._heartbeat = None
        now = self._bus.server.clock.seconds()
        late = [name for name, due in self._due.items() if due <= now]
        for account in late:
            del self._due[account]
        for account in late:
            self.connections_changed(account)
        self._plan()

    # the server

    def lame_duck(self) -> None:
        """The server is about to leave."""
        self._tell("LAMEDUCK")

    def shutdown(self) -> None:
        """The server leaves. What is said now is written out before anybody is closed."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None
        self._due.clear()
        self._silent = True
        self._tell("SHUTDOWN")
        self._bus.server.router.flush()

    def _tell(self, what: str) -> None:
        subject = f"$SYS.SERVER.{self._server_id}.{what}"
        if self._bus.is_wanted(subject):
            self._bus.publish(subject, self._bus.stamp())

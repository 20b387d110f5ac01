"""The server as authenticators and system services see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from pubsub.interfaces import IServerAccess
from pubsub.router.internal import InternalClient

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.accounts.registry import Accounts
    from pubsub.accounts.users import Users
    from pubsub.interfaces import ILink, IRouter, IServerIdentity

__all__ = ["ServerAccess"]


@implementer(IServerAccess)
class ServerAccess:
    """What a server lets its parts use of it.

    :param reactor: its clock and its threads.
    :param identity: the keys behind its id.
    :param name: its name; asked each time, since a reload may not but a restart may change it.
    :param info: nats-server's ServerInfo, without number and time.
    :param linked: whether other servers may hear what is said in the system account.
    """

    def __init__(
        self,
        reactor: Any,
        router: IRouter,
        accounts: Accounts,
        users: Users,
        identity: IServerIdentity,
        system_account: str,
        name: Callable[[], str],
        info: Callable[[], Mapping[str, Any]],
        linked: Callable[[], bool] = bool,
    ) -> None:
        self.clock = reactor
        self.router = router
        self.accounts = accounts
        self.users = users
        self.identity = identity
        self.server_id: str = identity.server_id
        self.system_account = system_account
        self._name = name
        self._info = info
        self._linked = linked
        self._clients: list[InternalClient] = []

    @property
    def server_name(self) -> str:
        """``server_name``, or the id."""
        return self._name()

    def defer_to_thread(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Run a function in the reactor's thread pool."""
        return deferToThreadPool(self.clock, self.clock.getThreadPool(), function, *arguments)

    def may_be_linked(self) -> bool:
        """Whether other servers may hear what is said in the system account."""
        return self._linked()

    def internal_client(self, account: str) -> InternalClient:
        """The server's own client in an account; whoever asks for it closes it."""
        client = InternalClient(self.router, account, self.clock)
        self._clients.append(client)
        return client

    def client_of(self, link: ILink) -> Any:
        """The client behind a link, ``None`` if there is none."""
        return self.accounts.client_of(link)

    def server_info(self) -> Mapping[str, Any]:
        """nats-server's ServerInfo, without number and time."""
        return self._info()

    def close(self) -> None:
        """Close what internal clients are left."""
        for client in self._clients:
            client.close()
        self._clients.clear()

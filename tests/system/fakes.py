"""A server that exists on paper only, with a real router: for whatever talks in accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from zope.interface import implementer

from pubsub.client.registry import ConnectionInfo, Registry
from pubsub.config.options import Options
from pubsub.errors import ClosedState
from pubsub.interfaces import IAccounts, Identity, IServerAccess, LinkCounters, RouterSettings
from pubsub.router.internal import InternalClient, InternalMessage
from pubsub.router.python.backend import PythonBackend
from pubsub.system.account_figures import AccountFigures
from pubsub.system.advisories import server_block
from pubsub.system.bus import SystemBus
from pubsub.system.identity import ServerIdentity
from pubsub.values.accounts import AccountOptions
from pubsub.wire.connect import ConnectOptions
from pubsub.wire.info import ServerInfo
from tests.cluster.fakes import NoCluster, NoGateways, NoLeafs

#: 2026-08-21 14:50:11 UTC
NOW = 1787323811.0


@implementer(IAccounts)
class FakeAccounts:
    """Accounts, and how many clients each has."""

    def __init__(self, *names: str) -> None:
        self.options = {name: AccountOptions(name) for name in names}
        self.clients: dict[str, int] = {}
        self.check_activation: Any = None
        self.missing: Any = None
        self.appeared: Any = None
        #: what was said of other servers, ``None`` of one that is gone
        self.elsewhere: list[Any] = []
        self.leafs: dict[str, int] = {}

    def find(self, name: str) -> AccountOptions | None:
        return self.options.get(name)

    def names(self) -> Sequence[str]:
        return list(self.options)

    def update(self, options: AccountOptions) -> None:
        self.options[options.name] = options

    def remove(self, name: str) -> None:
        del self.options[name]

    def connections(self, name: str) -> int:
        return self.clients.get(name, 0)

    def leafnodes(self, name: str) -> int:
        return self.leafs.get(name, 0)

    def connections_elsewhere(
        self, server_id: str, name: str, clients: int, leafnodes: int
    ) -> None:
        self.elsewhere.append((server_id, name, clients, leafnodes))

    def server_gone(self, server_id: str) -> None:
        self.elsewhere.append((server_id, None))


@implementer(IServerAccess)
class FakeServer:
    """What an authenticator and the system account may use of a server."""

    def __init__(self, system_account: str = "SYS") -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.identity = ServerIdentity()
        self.server_id = self.identity.server_id
        self.server_name = "edge"
        self.system_account = system_account
        self.router: Any = PythonBackend().create(RouterSettings())
        self.router.system_account = system_account
        self.cluster = NoCluster()
        self.gateways = NoGateways()
        self.leafs = NoLeafs()
        self.accounts = FakeAccounts("$G", "A", system_account)
        self.users: Any = None
        self.options = Options(server_tags=("rack:1",))
        self.info = ServerInfo(
            self.server_id, "edge", "2.15.0", "CPython", "127.0.0.1", 4222, 1048576
        )
        self.registry = Registry(10)
        self.start = NOW - 60.0
        self.config_time = NOW - 60.0
        self.now = NOW
        self.linked = False

    def may_be_linked(self) -> bool:
        return self.linked

    def defer_to_thread(self, function: Any, *arguments: Any) -> Any:
        raise NotImplementedError

    def internal_client(self, account: str) -> InternalClient:
        return InternalClient(self.router, account, self.clock)

    def server_info(self) -> Mapping[str, Any]:
        return server_block(self.info, self.options)

    def usage(self) -> Any:
        return SimpleNamespace(cpu=12.5, rss=40960, cores=2)

    def wall(self) -> float:
        return self.now

    def bus(self) -> SystemBus:
        return SystemBus(self, self.wall)

    def figures(self) -> AccountFigures:
        return AccountFigures(self.router, self.accounts)


@dataclass
class Listener:
    """A client of an account that remembers what it hears."""

    client: InternalClient
    heard: list[InternalMessage] = field(default_factory=list)

    @classmethod
    def on(cls, server: FakeServer, *subjects: str, account: str = "SYS") -> Listener:
        listener = cls(server.internal_client(account))
        for subject in subjects:
            listener.client.subscribe(subject.encode(), listener.heard.append)
        return listener

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Subject and JSON of what was heard since the last time."""
        taken = [(each.subject.decode(), json.loads(each.payload)) for each in self.heard]
        self.heard.clear()
        return taken

    def ask(self, subject: str, payload: bytes = b"", headers: bytes = b"") -> list[Any]:
        """The answers to a request, as JSON."""
        return [json.loads(each.payload) for each in self.ask_raw(subject, payload, headers)]

    def ask_raw(
        self, subject: str, payload: bytes = b"", headers: bytes = b""
    ) -> list[InternalMessage]:
        """The answers to a request."""
        answers: list[InternalMessage] = []
        sid = self.client.subscribe(b"_INBOX.ask", answers.append)
        self.client.publish(subject.encode(), payload, b"_INBOX.ask", headers)
        self.client.unsubscribe(sid)
        return answers


class FakeLink:
    """The half of a client in the router, as far as events look at it."""

    def __init__(self, account: str) -> None:
        self.account = account


class FakeClient:
    """A client as events and requests see it."""

    def __init__(self, cid: int, account: str, identity: Identity | None = None) -> None:
        self.cid = cid
        self.host = "127.0.0.1"
        self.link: Any = FakeLink(account)
        self.identity = identity or Identity(user="ann", account=account)
        self.connect = ConnectOptions()
        self.closed_state: ClosedState | None = None
        self.announced = False
        self.context = SimpleNamespace(accounts=FakeAccounts(account))
        self.told: list[bool] = []
        self.understands = True
        self.info = ConnectionInfo(
            cid=cid, ip="127.0.0.1", port=50000, start=NOW - 5, last_activity=NOW - 1,
            rtt=0.000467, counters=LinkCounters(3, 30, 2, 20, 0, 1, 0), name="app",
            lang="python3", version="2.11.0", user=self.identity.user, account=account,
        )  # fmt: skip

    def describe(self) -> ConnectionInfo:
        return replace(self.info, reason=self.closed_state)

    def close(self, state: ClosedState) -> None:
        self.closed_state = state

    def debug(self, text: str) -> None:
        """Nobody reads it."""

    def send_async_info(self, ldm: bool = False) -> bool:
        self.told.append(ldm)
        return self.understands

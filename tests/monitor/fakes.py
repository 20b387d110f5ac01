"""A server that exists on paper only: fixed times, two clients, a few subscriptions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from zope.interface import implementer

from pubsub.client.registry import ConnectionInfo, Registry
from pubsub.config.options import Options
from pubsub.errors import ClosedState
from pubsub.interfaces import IAccounts, LinkCounters, SubscriptionInfo, TrafficCounters
from pubsub.monitor.state import IServerState, ProcessUsage
from pubsub.values.accounts import AccountOptions
from pubsub.wire.info import ServerInfo
from tests.cluster.fakes import NoCluster, NoGateways, NoLeafs

#: 2026-08-21 14:50:11 UTC
START = 1787323811.0


class FakeLink:
    def __init__(self, *subscriptions: SubscriptionInfo) -> None:
        self._subscriptions = subscriptions

    def subscriptions(self) -> Sequence[SubscriptionInfo]:
        return self._subscriptions


class FakeConnection:
    def __init__(self, info: ConnectionInfo, link: FakeLink | None) -> None:
        self.info = info
        self.link = link
        self.described = 0

    def describe(self) -> ConnectionInfo:
        self.described += 1
        return self.info


class FakeRouter:
    def __init__(self) -> None:
        self.rows: list[SubscriptionInfo] = []
        self.names = ["$G"]

    def accounts(self) -> Sequence[str]:
        return self.names

    def counters(self) -> TrafficCounters:
        return TrafficCounters(3, 30, 5, 50)

    def subscriptions(self, account: str | None = None) -> Iterable[SubscriptionInfo]:
        return iter([row for row in self.rows if account is None or row.account == account])

    def subscription_count(self, account: str) -> int:
        return len(list(self.subscriptions(account)))

    def stats(self) -> Mapping[str, int | float]:
        return {
            "num_subscriptions": len(self.rows), "num_cache": 1, "num_inserts": 4,
            "num_removes": 1, "num_matches": 7, "cache_hit_rate": 2 / 7, "max_fanout": 2,
            "avg_fanout": 1.0,
        }  # fmt: skip


@implementer(IAccounts)
class FakeAccounts:
    """Accounts, and how many clients each has."""

    def __init__(self, *names: str) -> None:
        self.options = {name: AccountOptions(name) for name in names}
        self.clients: dict[str, int] = {}
        self.check_activation: Any = None
        self.missing: Any = None
        self.appeared: Any = None

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
        return 0

    def connections_elsewhere(
        self, server_id: str, name: str, clients: int, leafnodes: int
    ) -> None:
        raise NotImplementedError

    def server_gone(self, server_id: str) -> None:
        raise NotImplementedError


@implementer(IServerState)
class FakeServer:
    """A server state with everything a test may want to change."""

    def __init__(self) -> None:
        self.options = Options()
        self.info = ServerInfo(
            server_id="NAB", server_name="edge", version="2.15.0", go="CPython 3.11.2",
            host="0.0.0.0", port=4222, max_payload=1048576,
        )  # fmt: skip
        self.registry = Registry(10)
        self.router: Any = FakeRouter()
        self.cluster = NoCluster()
        self.gateways = NoGateways()
        self.leafs = NoLeafs()
        self.accounts = FakeAccounts("$G", "$SYS")
        self.statz_asked: list[tuple[Sequence[str] | None, bool]] = []
        self.system_account = "$SYS"
        self.start = START
        self.config_time = START + 0.5
        self.tls_not_after = 0.0
        self.http_requests: dict[str, int] = {}
        self.time = START + 3725.25
        self.unreachable = ""

    def account_statz(self, names: Sequence[str] | None, unused: bool) -> list[dict[str, Any]]:
        self.statz_asked.append((names, unused))
        return [{"acc": "$G", "conns": 0}]

    def now(self) -> float:
        return self.time

    def usage(self) -> ProcessUsage:
        return ProcessUsage(12.5, 40960, 2)

    def not_ready(self) -> str:
        return self.unreachable

    def connect(
        self, cid: int, *subscriptions: SubscriptionInfo, account: str = "$G", **fields: Any
    ) -> FakeConnection:
        """A client joins."""
        counters = LinkCounters(cid, cid * 10, cid * 2, cid * 20, 0, len(subscriptions), 0)
        info = ConnectionInfo(
            cid=cid, ip="127.0.0.1", port=50000 + cid, start=START + cid,
            last_activity=START + cid + 1, rtt=0.0003871, counters=counters, account=account,
        )  # fmt: skip
        connection = FakeConnection(replace(info, **fields), FakeLink(*subscriptions))
        self.registry.open[cid] = connection  # type: ignore[assignment]
        self.router.rows += subscriptions
        return connection

    def disconnect(self, cid: int, reason: ClosedState, stop: float) -> None:
        """A client leaves."""
        connection: Any = self.registry.open[cid]
        info = replace(
            connection.info, stop=stop, reason=reason, subscriptions=connection.link.subscriptions()
        )
        self.registry.was_closed(info)


def sub(
    cid: int, sid: bytes, subject: bytes, queue: bytes = b"", delivered: int = 0, max_: int = 0,
    account: str = "$G",
) -> SubscriptionInfo:  # fmt: skip
    return SubscriptionInfo(account, cid, sid, subject, queue, delivered, max_)


def fields(text: str) -> list[str]:
    """The words of a list of field names."""
    return text.split()

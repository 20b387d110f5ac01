"""Whole clusters in one test: real routers and routes, connections of memory, time by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from pubsub.client.deadlines import Deadlines
from pubsub.cluster.context import ClusterContext
from pubsub.cluster.factory import RouteFactory
from pubsub.cluster.members import Members
from pubsub.cluster.names import ClusterName
from pubsub.config.options import ClusterOptions, Options, RouteUrl
from pubsub.interfaces import ILink, IRouter, IRouterBackend, PeerKind, RouterSettings
from pubsub.router.python.backend import PythonBackend
from pubsub.transport.inprocess import PipeTransport

NOW = 1_700_000_000.0


class Cable(PipeTransport):
    """One end of a connection between two nodes; a node that is cut off loses all of them."""

    nodes: tuple[str, str] = ("", "")
    #: nothing arrives any more, and nobody is told (a partition, a stopped process)
    dead = False
    #: who writes here, and who reads
    direction: tuple[str, str] = ("", "")
    #: told of what is written
    watcher: Callable[[Cable, bytes], None] | None = None

    def write(self, data: bytes) -> None:
        """Send to the other end."""
        if self.watcher is not None and self.connected:
            self.watcher(self, data)
        super().write(data)

    def _deliver(self) -> None:
        if self.dead:
            self._scheduled = False
            self._drop()
            return
        super()._deliver()


class Client:
    """A client of a node: a link fed by hand."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._got = bytearray()
        self.link = node.router.attach(_Handler(self._got), PeerKind.CLIENT, node.cid(), "$G")
        self.send('CONNECT {"verbose":false,"headers":true,"no_responders":true}')
        self.link.options = _client_options()

    def send(self, *lines: str) -> None:
        """Send lines."""
        self.link.feed("".join(f"{line}\r\n" for line in lines).encode())
        self.node.router.flush()

    def received(self) -> list[str]:
        """Lines it got since the last call, without the payloads' line ends."""
        text = self._got.decode()
        self._got.clear()
        return text.split("\r\n")[:-1]

    def close(self) -> None:
        """It goes."""
        self.link.close()


def _client_options() -> Any:
    from pubsub.interfaces import LinkOptions

    return LinkOptions(verbose=False, pedantic=False, echo=True, headers=True, no_responders=True)


class _Handler:
    """What a client's link needs: somewhere to put its output."""

    def __init__(self, got: bytearray) -> None:
        self._got = got

    def transmit(self, data: bytes) -> None:
        self._got += data

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


class Node:
    """A server of the cluster."""

    def __init__(self, network: Network, name: str, options: Options, router: IRouter) -> None:
        self.network = network
        self.name = name
        self.router = router
        self.routes_changed = 0
        self._cid = 0
        self.urls_pushed: list[tuple[str, ...]] = []
        cluster = options.cluster
        self.context = ClusterContext(
            options=options,
            router=router,
            deadlines=Deadlines(network.clock),
            server_id=f"N{name.upper()}",
            server_name=lambda: name,
            next_cid=self.cid,
            connect=self._connect,
            name=ClusterName(cluster.name, Random(name)),
            urls_changed=lambda: self.urls_pushed.append(self.members.urls.all()),
            wall=lambda: NOW + network.clock.seconds(),
            monotonic=network.clock.seconds,
            random=Random(name),
        )
        self.members = Members(self.context)
        self.members.port = 6222
        self.members.urls.own = (f"{name}:4222",)
        router.add_subscription_listener(self.members.telling.interest)
        #: weights of queue groups elsewhere, by connection, subject and group
        self.weights: dict[tuple[int, str, str], int] = {}
        router.add_subscription_listener(self)
        self.factory = RouteFactory(self.members)

    def subscription_changed(
        self,
        link: ILink | None,
        account: str,
        subject: bytes,
        queue: bytes,
        change: int,
        origin: bytes,
    ) -> None:
        """Keep the weights (ISubscriptionListener)."""
        if link is not None and link.kind == PeerKind.ROUTE and queue:
            key = (link.cid, subject.decode(), queue.decode())
            self.weights[key] = self.weights.get(key, 0) + change

    def cid(self) -> int:
        """The next connection id."""
        self._cid += 1
        return self._cid

    def _connect(self, host: str, port: int, factory: IProtocolFactory) -> Deferred[Any]:
        return self.network.connect(self.name, host, factory, port)

    def listener(self, port: int) -> IProtocolFactory:
        """Who listens there."""
        return self.factory

    def start(self) -> None:
        """Connect to its ``routes``."""
        self.members.start()

    def client(self) -> Client:
        """A new client."""
        return Client(self)

    def peers(self) -> list[str]:
        """The names of the servers it has routes to, each once."""
        firsts = self.members.first_routes()
        return sorted(route.remote_name for route in firsts)


class Network:
    """Nodes that reach each other by name.

    :param backend: makes their routers; the one in Python if not given.
    """

    def __init__(self, backend: IRouterBackend | None = None) -> None:
        self.backend = backend or PythonBackend()
        self.clock = Clock()
        self.nodes: dict[str, Node] = {}
        self.cables: list[Cable] = []
        self.unreachable: set[str] = set()
        #: told of all that is written
        self.watcher: Callable[[Cable, bytes], None] | None = None

    def node(self, called: str, /, *routes: str, **cluster: Any) -> Node:
        """A new server that connects to these; it listens from now on."""
        urls = tuple(RouteUrl(route, 6222) for route in routes)
        cluster.setdefault("pool_size", -1)
        cluster.setdefault("name", "C")
        options = Options(cluster=ClusterOptions(host=called, port=6222, routes=urls, **cluster))
        node = Node(self, called, options, self.backend.create(RouterSettings(seed=7)))
        self.nodes[called] = node
        return node

    def start(self) -> None:
        """Start all nodes, and let them settle."""
        for node in self.nodes.values():
            node.start()
        self.settle()

    def connect(
        self, source: str, host: str, factory: IProtocolFactory, port: int = 6222
    ) -> Deferred[Any]:
        """Join a new protocol of ``factory`` to one of the node called ``host``."""
        done: Deferred[Any] = Deferred()
        node = self.nodes.get(host)
        if node is None or {source, host} & self.unreachable:
            return fail(Refused())
        near, far = Cable(self.clock), Cable(self.clock)
        near.nodes = far.nodes = (source, host)
        near.direction, far.direction = (source, host), (host, source)
        near.watcher = far.watcher = self.watcher
        near.join(far)
        client: Any = factory.buildProtocol(None)
        server: Any = node.listener(port).buildProtocol(None)
        near.protocol, far.protocol = client, server
        self.cables += [near, far]

        def begin() -> None:
            client.makeConnection(near)
            server.makeConnection(far)
            done.callback(client)

        self.clock.callLater(0, begin)
        return done

    def settle(self, seconds: float = 0.5) -> None:
        """Let time pass."""
        for _ in range(int(seconds * 100)):
            self.clock.advance(0.01)

    def kill(self, name: str) -> None:
        """End a server as ``kill -9`` does: its connections break, nobody is told before."""
        self.nodes.pop(name).members.closing = True
        for cable in self.cables:
            if name in cable.nodes and cable.connected:
                cable.abortConnection()
        self.settle(0.1)


class RawRoute(Protocol):
    """The other end of a route, as a test speaks it."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True

    def lines(self) -> list[str]:
        """What came since the last call."""
        text = self.got.decode()
        self.got.clear()
        return text.split("\r\n")[:-1]


def info_of(line: str) -> dict[str, Any]:
    """The JSON of an INFO or CONNECT line."""
    found: dict[str, Any] = json.loads(line.split(" ", 1)[1])
    return found

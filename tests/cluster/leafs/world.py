"""Servers with leaf node links on in-memory transports, and time by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock

from pubsub.auth.anonymous import AnonymousAuthenticator
from pubsub.auth.chain import AuthenticatorChain
from pubsub.auth.users import UsersAuthenticator
from pubsub.client.context import ClientContext
from pubsub.client.factory import ClientFactory
from pubsub.client.registry import Registry
from pubsub.cluster.leafs.auth import make_leaf_users
from pubsub.cluster.leafs.context import LeafContext
from pubsub.cluster.leafs.factory import LeafFactory
from pubsub.cluster.leafs.protocol import LeafProtocol
from pubsub.cluster.leafs.reloading import change_remotes, check_accepted
from pubsub.cluster.leafs.remote import LeafRemote
from pubsub.config.build import configure
from pubsub.errors import ClosedState
from pubsub.interfaces import IRouterBackend, RouterSettings
from pubsub.router.internal import InternalClient, InternalMessage
from pubsub.transport.inprocess import PipeTransport, connect_in_process
from pubsub.wire.info import InfoRenderer, ServerInfo


class Server:
    """One server: a real router, real clients, real leaf node links; no sockets.

    :param text: its configuration; what it listens on for leaf nodes is where others find it.
    :param system: its system account; with one, more interest is told than these tests want.
    """

    def __init__(self, world: World, name: str, text: str, system: str = "", **more: Any) -> None:
        self.world = world
        self.name = name
        self.options = options = configure(text=text).options
        clock = world.clock
        self.router = world.backend.create(RouterSettings(seed=1))
        authenticators: list[tuple[str, Any]] = []
        if options.users:
            authenticators.append(("users", UsersAuthenticator(options)))
        else:
            authenticators.append(("anonymous", AnonymousAuthenticator()))
        self.clients = ClientContext(
            options=options,
            router=self.router,
            clock=clock,
            authenticator=AuthenticatorChain(authenticators, clock, 2.0),
            info=InfoRenderer(
                ServerInfo(f"N{name}", name, "2.15.0", "python", "127.0.0.1", 4222, 1048576)
            ),
            registry=Registry(10),
            # links tell by the real clock when they were last heard
            wall=lambda: time.time() + clock.seconds(),
            monotonic=clock.seconds,
            system_account=system,
        )
        self.clients.accounts.replace_all(options.accounts)
        self.context = LeafContext(
            self.clients,
            f"N{name}",
            lambda: name,
            world.connect,
            cluster_name=self._cluster,
            **more,
        )
        if options.leafnodes.user or options.leafnodes.users or options.leafnodes.nkey:
            self.context.authenticator = make_leaf_users(
                options.leafnodes, world.no_threads, clock.seconds, options.trusted_proxies
            )
        self.factory = LeafFactory(self.context)
        if options.leafnodes.port:
            self.context.address = ("127.0.0.1", options.leafnodes.port)
            world.listening[options.leafnodes.port] = self.factory
        self.remotes = [LeafRemote(self.context, each) for each in options.leafnodes.remotes]

    def _cluster(self) -> str:
        """As :class:`pubsub.assembly.leafs.Leafs` has it."""
        configured = self.options.cluster.name
        return configured or (self.name if self.options.leafnodes.remotes else "")

    def start(self) -> Server:
        """Connect to the hubs."""
        for remote in self.remotes:
            remote.start()
        self.world.settle()
        return self

    def reload(self, text: str) -> None:
        """As :meth:`pubsub.assembly.leafs.Leafs.reload`."""
        old, self.options = self.options, configure(text=text).options
        self.clients.options = self.options
        self.clients.accounts.replace_all(self.options.accounts)
        self.context.authenticator = make_leaf_users(
            self.options.leafnodes,
            self.world.no_threads,
            self.world.clock.seconds,
            self.options.trusted_proxies,
        )
        check_accepted(self.context, old.leafnodes)
        self.remotes = change_remotes(self.context, self.remotes, self.options.leafnodes.remotes)
        self.world.settle()

    @property
    def leaf(self) -> LeafProtocol:
        """Its only link."""
        (leaf,) = self.context.linked.values()
        return leaf

    def client(self, account: str = "$G") -> Client:
        """A client of it."""
        return Client(self, account)

    def heard(self) -> list[tuple[bytes, bytes]]:
        """What its links want to hear, sorted, without what finds loops."""
        return sorted(
            (each.subject, each.queue)
            for leaf in self.context.linked.values()
            if leaf.link is not None
            for each in leaf.link.subscriptions()
            if not each.subject.startswith(b"$LDS.")
        )

    def stop(self) -> None:
        """End."""
        for remote in self.remotes:
            remote.stop()
        for leaf in self.context.all():
            leaf.close(ClosedState.SERVER_SHUTDOWN)
        self.context.stop()


class Client:
    """Somebody who publishes and listens at a server."""

    def __init__(self, server: Server, account: str) -> None:
        self.server = server
        self.messages: list[InternalMessage] = []
        self._client = InternalClient(server.router, account, server.world.clock)

    def subscribe(self, subject: str, queue: str = "") -> bytes:
        """Listen; the sid."""
        sid = self._client.subscribe(subject.encode(), self.messages.append, queue.encode())
        self.server.world.settle()
        return sid

    def unsubscribe(self, sid: bytes) -> None:
        """Listen no more."""
        self._client.unsubscribe(sid)
        self.server.world.settle()

    def answer(self, subject: str, text: bytes, queue: str = "") -> None:
        """Serve: answer each request with ``text``."""

        def answer(message: InternalMessage) -> None:
            self.messages.append(message)
            self._client.publish(message.reply, text)

        self._client.subscribe(subject.encode(), answer, queue.encode())
        self.server.world.settle()

    def publish(self, subject: str, payload: bytes, reply: str = "", headers: bytes = b"") -> None:
        """Say something."""
        self._client.publish(subject.encode(), payload, reply.encode(), headers)
        self.server.world.settle()

    def ask(self, subject: str, payload: bytes) -> list[bytes]:
        """The answers to a request."""
        answers: list[bytes] = []
        asking: Deferred[InternalMessage] = self._client.request(subject.encode(), payload, 2.0)
        asking.addCallbacks(lambda message: answers.append(message.payload), lambda failure: None)
        self.server.world.settle()
        return answers

    def close(self) -> None:
        """Go."""
        self._client.close()
        self.server.world.settle()

    @property
    def heard(self) -> list[tuple[bytes, bytes]]:
        """Subject and payload of each message."""
        return [(message.subject, message.payload) for message in self.messages]


class Wire:
    """A leaf node port's other end, by hand: what is sent and what comes, byte for byte."""

    def __init__(self, server: Server, pieces: int = 0) -> None:
        self._world = server.world
        self._pieces = pieces
        self._data = b""
        self.closed = False
        self.transport: Any = None
        connect_in_process(server.factory, self, server.world.clock)  # type: ignore[arg-type]
        server.world.settle()

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport

    def dataReceived(self, data: bytes) -> None:
        self._data += data

    def connectionLost(self, reason: object) -> None:
        self.closed = True

    def send(self, data: bytes) -> bytes:
        """Send it, all at once or in pieces; what came back."""
        size = self._pieces or max(1, len(data))
        for start in range(0, len(data), size):
            self.transport.write(data[start : start + size])
            self._world.settle()
        return self.received()

    def received(self) -> bytes:
        """What came since the last call."""
        self._world.settle()
        data, self._data = self._data, b""
        return data

    def close(self) -> None:
        """Hang up."""
        self.transport.abortConnection()
        self._world.settle()


class Hub:
    """A hub by hand, for links that a server makes."""

    def __init__(self, world: World, port: int) -> None:
        self.world = world
        self.wires: list[_HubWire] = []
        world.listening[port] = self  # type: ignore[assignment]

    def buildProtocol(self, addr: object) -> Any:
        wire = _HubWire()
        self.wires.append(wire)
        return wire

    def received(self) -> bytes:
        """What came on the youngest link since the last call."""
        self.world.settle()
        wire = self.wires[-1]
        data, wire.data = wire.data, b""
        return data

    def send(self, data: bytes) -> bytes:
        """Send it on the youngest link; what came back."""
        self.wires[-1].transport.write(data)
        return self.received()


class _HubWire:
    def __init__(self) -> None:
        self.data = b""
        self.closed = False
        self.transport: Any = None

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport

    def dataReceived(self, data: bytes) -> None:
        self.data += data

    def connectionLost(self, reason: object) -> None:
        self.closed = True


class World:
    """Servers that find each other by port."""

    def __init__(self, backend: IRouterBackend) -> None:
        self.clock = Clock()
        self.backend = backend
        self.listening: dict[int, IProtocolFactory] = {}
        self.down: set[int] = set()
        #: the ends of the connecting side
        self.transports: list[PipeTransport] = []
        self.attempts: list[float] = []
        self.servers: list[Server] = []

    def server(self, name: str, text: str, **more: Any) -> Server:
        """A server; :meth:`Server.start` makes it connect.

        :param more: of :class:`Server` and :class:`LeafContext`.
        """
        server = Server(self, name, text, **more)
        self.servers.append(server)
        return server

    def pair(self, hub: str = "", remote: str = "", spoke: str = "") -> tuple[Server, Server]:
        """A hub and a leaf node of it, linked."""
        first = self.server("hub", f"leafnodes {{ port: 7422, {hub} }}")
        second = self.server(
            "spoke",
            f'leafnodes {{ remotes [ {{ url: "127.0.0.1:7422", {remote} }} ] }}\n{spoke}',
        )
        return first, second.start()

    def connect(
        self, host: str, port: int, factory: IProtocolFactory, timeout: float
    ) -> Deferred[Any]:
        """As the network does."""
        self.attempts.append(self.clock.seconds())
        if port in self.down or port not in self.listening:
            return fail(Refused("connection refused"))
        protocol: Any = factory.buildProtocol(None)  # type: ignore[arg-type]
        self.transports.append(connect_in_process(self.listening[port], protocol, self.clock))
        return succeed(protocol)

    def no_threads(self, function: Any, *arguments: Any) -> Deferred[Any]:
        """There are none: slow work is done at once."""
        return succeed(function(*arguments))

    def settle(self) -> None:
        """Let everything that is on its way arrive; no time passes."""
        for _ in range(200):
            due = [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.now]
            if not due:
                return
            self.clock.advance(0)
        raise AssertionError("it does not settle")

    @property
    def now(self) -> float:
        """Seconds."""
        return self.clock.seconds()

    def pass_time(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass, and let everything happen that is due meanwhile."""
        end = self.now + seconds
        while self.now < end:
            self.clock.advance(min(step, end - self.now))
            self.settle()

    def cut(self, ports: Iterable[int] = ()) -> None:
        """All links break; nobody answers on ``ports`` any more."""
        self.down.update(ports)
        for transport in self.transports:
            if transport.connected:
                transport.abortConnection()
        self.transports.clear()
        self.settle()

    def mend(self) -> None:
        """The ports answer again."""
        self.down.clear()

    def stop(self) -> None:
        """End everything."""
        for server in self.servers:
            server.stop()
        self.settle()


def client_factory(server: Server) -> ClientFactory:
    """Where clients of a server come in, for those that go to the wrong port."""
    return ClientFactory(server.clients)


#: what a leaf node says in CONNECT
LEAF = {"version": "2.15.0", "server_id": "NX", "name": "x", "headers": True}


def connect(**fields: Any) -> bytes:
    """A CONNECT line."""
    return b"CONNECT %b\r\n" % json.dumps({**LEAF, **fields}).encode()


def infos(data: bytes) -> list[dict[str, Any]]:
    """What the INFO lines in ``data`` say."""
    lines = [line for line in data.splitlines() if line.startswith(b"INFO ")]
    return [json.loads(line[5:]) for line in lines]


def a_hub(world: World, text: str = "", more: str = "") -> Server:
    """A server with a leaf node port."""
    return world.server("hub", f"leafnodes {{ port: 7422\n{text} }}\n{more}")

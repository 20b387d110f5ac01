"""What router tests are made of: handlers that record, and worlds that replay.

A :class:`World` is one router with named peers. Everything it does is written into one
list, and its output is kept by peer. :func:`play` runs one conversation whole, byte by
byte and cut at every place, and insists that nothing but the cuts differs.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from zope.interface import implementer

from pubsub.errors import ClientFault
from pubsub.interfaces import (
    ILink,
    ILinkHandler,
    IRouterBackend,
    LinkOptions,
    PeerKind,
    RouterSettings,
)

#: What most clients say in CONNECT.
SERVERS = (PeerKind.ROUTE, PeerKind.GATEWAY, PeerKind.LEAF)
QUIET = LinkOptions(verbose=False, pedantic=False, headers=True, no_responders=True)


_NATIVE = "pubsub.router.native.backend"


def native_backend() -> IRouterBackend:
    """The compiled backend; skips the test where there is none."""
    if os.environ.get("PUBSUB_NO_EXTENSIONS") == "1":
        pytest.skip("PUBSUB_NO_EXTENSIONS=1: the native backend is switched off")
    try:
        module = importlib.import_module(_NATIVE)
    except ImportError as error:
        pytest.skip(f"the native backend is not built: {error}")
    backend: IRouterBackend = module.NativeBackend()
    if backend.unavailable() and os.environ.get("PUBSUB_EXPECT") != "native":
        pytest.skip(backend.unavailable())
    return backend


@implementer(ILinkHandler)
class Recorder:
    """Provides ILinkHandler; writes each call, with its peer's name, into one list.

    :ivar on: what to do when a method is called, by its name; called with its arguments.
    """

    link: ILink

    def __init__(self, name: str, log: list[tuple[Any, ...]]) -> None:
        self.name = name
        self.log = log
        self.output = b""
        self.writes: list[bytes] = []
        self.faults: list[ClientFault] = []
        self.on: dict[str, Callable[..., Any]] = {}

    def _call(self, method: str, *arguments: Any) -> Any:
        self.log.append((self.name, method, *arguments))
        react = self.on.get(method)
        return react(*arguments) if react is not None else None

    def connect_received(self, argument: bytes) -> None:
        self._call("connect_received", argument)

    def info_received(self, argument: bytes) -> None:
        self._call("info_received", argument)

    def interest_received(self, verb: bytes, argument: bytes) -> None:
        self._call("interest_received", verb, argument)

    def interest_missing(self, account: str, subject: bytes) -> None:
        self._call("interest_missing", account, subject)

    def error_received(self, argument: bytes) -> None:
        self._call("error_received", argument)

    def operation_before_connect(self) -> bool:
        return bool(self._call("operation_before_connect"))

    def first_ping_received(self) -> None:
        self._call("first_ping_received")

    def pong_received(self) -> None:
        self._call("pong_received")

    def fault(self, fault: ClientFault) -> None:
        """As the real one: the error is written, and closes the link if it is of that kind."""
        self.log.append((self.name, "fault", type(fault).__name__, fault.wire))
        self.faults.append(fault)
        if fault.wire:
            self.link.write(fault.to_bytes())
        if fault.closes:
            self.link.close()
        react = self.on.get("fault")
        if react is not None:
            react(fault)

    def transmit(self, data: bytes) -> None:
        """Not in the log: how output is cut into writes depends on the cuts of the input."""
        assert isinstance(data, bytes)
        self.output += data
        self.writes.append(data)
        react = self.on.get("transmit")
        if react is not None:
            react(data)

    def stall(self, seconds: float) -> None:
        self._call("stall", seconds)

    def request_info(self, detailed: bool) -> bytes:
        """``{"who":"a"}``, with more of it if that is wanted, and where that is."""
        self._call("request_info", detailed)
        more = b',"more":true,"server":"here"' if detailed else b""
        return b'{"who":"%b"%b}' % (self.name.encode(), more)

    def traced(self, direction: str, operation: str, argument: bytes) -> None:
        self._call("traced", direction, operation, argument)

    def message_received(
        self, sid: bytes, subject: bytes, reply: bytes, headers: bytes, payload: bytes
    ) -> None:
        self._call("message_received", sid, subject, reply, headers, payload)

    def batch_received(self, messages: Sequence[tuple[bytes, bytes, bytes, bytes, bytes]]) -> None:
        """One entry for each message: how they are batched depends on the cuts."""
        for message in messages:
            self.log.append((self.name, "batch_received", *message))
        self._call_batch(messages)

    def _call_batch(self, messages: Sequence[Any]) -> None:
        react = self.on.get("batch_received")
        if react is not None:
            react(messages)


class World:
    """One router, its peers by name, and all that happened to them."""

    def __init__(self, backend: IRouterBackend, settings: RouterSettings | None = None) -> None:
        self.backend = backend
        self.router = backend.create(settings or RouterSettings(seed=1))
        self.log: list[tuple[Any, ...]] = []
        self.peers: dict[str, Recorder] = {}

    def attach(
        self,
        name: str,
        options: LinkOptions = QUIET,
        kind: PeerKind = PeerKind.CLIENT,
        account: str = "$G",
    ) -> ILink:
        """A new peer; its cid is its place among all."""
        peer = Recorder(name, self.log)
        self.peers[name] = peer
        peer.link = self.router.attach(peer, kind, len(self.peers), account)
        peer.link.options = options
        return peer.link

    def feed(self, name: str, data: bytes) -> bytes:
        """Input for one peer, and a flush; what that peer was sent because of it."""
        peer = self.peers[name]
        before = len(peer.output)
        peer.link.feed(data)
        self.router.flush()
        return peer.output[before:]

    def output(self, name: str) -> bytes:
        """All a peer was sent since the last time it was asked for."""
        self.router.flush()
        peer = self.peers[name]
        output, peer.output = peer.output, b""
        return output

    def calls(self) -> list[tuple[Any, ...]]:
        """The log, which starts anew."""
        log = self.log[:]
        self.log.clear()
        return log

    def state(self) -> dict[str, Any]:
        """Everything one can see of it from outside, to be compared."""
        stats = self.router.stats()
        return {
            "log": list(self.log),
            "output": {name: peer.output for name, peer in self.peers.items()},
            "links": {
                name: (peer.link.counters(), peer.link.closed, list(peer.link.subscriptions()))
                for name, peer in self.peers.items()
            },
            "accounts": [(n, self.router.account_counters(n)) for n in self.router.accounts()],
            "linked": [
                (name, [self.router.linked_counters(name, kind) for kind in SERVERS])
                for name in self.router.accounts()
            ],
            "counters": self.router.counters(),
            "subscriptions": list(self.router.subscriptions()),
            "stats": {
                key: stats[key]
                for key in ("num_subscriptions", "num_inserts", "num_removes", "num_matches")
            },
        }


Setup = Callable[[World], None]


def _run(
    backend: IRouterBackend, pieces: Sequence[bytes], setup: Setup | None, options: LinkOptions,
    settings: RouterSettings | None, kind: PeerKind,
) -> World:  # fmt: skip
    world = World(backend, settings)
    world.attach("a", options, kind)
    if setup is not None:
        setup(world)
    for piece in pieces:
        world.feed("a", piece)
    return world


def play(
    backend: IRouterBackend,
    data: bytes,
    setup: Setup | None = None,
    options: LinkOptions = QUIET,
    settings: RouterSettings | None = None,
    kind: PeerKind = PeerKind.CLIENT,
) -> World:
    """Feed ``data`` to peer ``a``: whole, one byte at a time, and cut at every place.

    :return: the world that was fed it whole; the others ended in the same state.
    """
    whole = _run(backend, [data], setup, options, settings, kind)
    expected = whole.state()
    cuts = [[data[at : at + 1] for at in range(len(data))]]
    cuts += [[data[:at], data[at:]] for at in range(1, len(data))]
    for pieces in cuts:
        cut = _run(backend, pieces, setup, options, settings, kind)
        assert cut.state() == expected, f"differs when cut into {pieces!r}"
    return whole

"""Worlds with links to other servers."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from zope.interface import implementer

from pubsub.interfaces import GatewayNames, ILink, ISubscriptionListener, PeerKind, ServerPeer
from tests.router.recording import QUIET, World

#: This server, to other clusters.
NAMES = GatewayNames(cluster=b"OURCLU", server=b"OURSRV", old_cluster=b"ourc")


def route(world: World, name: str, **peer: Any) -> ILink:
    """A link to another server of this cluster; ``peer``: fields of its ServerPeer."""
    return _server(world, name, PeerKind.ROUTE, peer)


def leaf(world: World, name: str, account: str = "$G", **peer: Any) -> ILink:
    """A link to a leaf in ``account``, or with ``spoke=True`` to the hub of this server."""
    return _server(world, name, PeerKind.LEAF, {"account": account, **peer}, account)


def gateway(world: World, name: str, **peer: Any) -> ILink:
    """A link to a server of another cluster, or from one."""
    return _server(world, name, PeerKind.GATEWAY, peer)


def use(world: World, *names: str) -> None:
    """Send to other clusters over these."""
    world.router.use_gateways(NAMES, [world.peers[name].link for name in names])


def stop_clock(world: World) -> Clock:
    """Let time pass only when it is told to, for what gateways remember."""
    clock, router = Clock(), world.router
    router.monotonic = clock.seconds  # type: ignore[attr-defined]
    return clock


def _server(
    world: World, name: str, kind: PeerKind, peer: dict[str, Any], account: str = "$G"
) -> ILink:
    link = world.attach(name, QUIET, kind, account)
    link.peer = ServerPeer(**peer)
    return link


def hears(
    link: ILink, subject: bytes, queue: bytes = b"", weight: int = 1, account: str = "$G",
    origin: bytes = b"",
) -> None:  # fmt: skip
    """The server at the other end wants to hear that."""
    assert link.hear(account, subject, queue, weight, origin)


@implementer(ISubscriptionListener)
class Subscriptions:
    """Writes down every change, with the cid of the link."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def subscription_changed(
        self,
        link: ILink | None,
        account: str,
        subject: bytes,
        queue: bytes,
        change: int,
        origin: bytes,
    ) -> None:
        cid = None if link is None else link.cid
        self.told.append((cid, account, subject, queue, change, origin))

    def news(self) -> list[tuple[Any, ...]]:
        """What it was told since the last time it was asked."""
        told, self.told = self.told, []
        return told

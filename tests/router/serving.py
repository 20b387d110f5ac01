"""Worlds with links to other servers."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from pubsub.interfaces import ILink, ISubscriptionListener, PeerKind, ServerPeer
from tests.router.recording import QUIET, World


def route(world: World, name: str, **peer: Any) -> ILink:
    """A link to another server of this cluster; ``peer``: fields of its ServerPeer."""
    return _server(world, name, PeerKind.ROUTE, peer)


def leaf(world: World, name: str, account: str = "$G", **peer: Any) -> ILink:
    """A link to a leaf in ``account``, or with ``spoke=True`` to the hub of this server."""
    return _server(world, name, PeerKind.LEAF, {"account": account, **peer}, account)


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

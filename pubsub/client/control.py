"""What the server does to its clients: tell them, kick them, send them home."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pubsub.errors import ClosedState
from pubsub.wire.info import InfoRenderer

if TYPE_CHECKING:
    from pubsub.client.context import ClientContext

__all__ = ["announce_info", "announce_lame_duck", "close_all", "kick", "lame_duck_one"]


def announce_info(context: ClientContext) -> int:
    """Send INFO to who understands it at any time, after ``context.info`` changed; how many."""
    return sum(client.send_async_info() for client in list(context.registry.open.values()))


def announce_lame_duck(context: ClientContext, connect_urls: tuple[str, ...] = ()) -> int:
    """Tell those who understand it that the server is about to close them; how many.

    From then on INFO does not name this server among those to connect to.

    :param connect_urls: where they may go instead.
    """
    context.info = InfoRenderer(replace(context.info.info, connect_urls=connect_urls))
    clients = list(context.registry.open.values())
    return sum(client.send_async_info(ldm=True) for client in clients)


def lame_duck_one(context: ClientContext, cid: int) -> bool:
    """Tell one client to go elsewhere; False if it is not there or does not understand."""
    client = context.registry.open.get(cid)
    if client is None:
        return False
    client.debug("Sending Lame Duck Mode info to client")
    return client.send_async_info(ldm=True)


def kick(context: ClientContext, cid: int) -> bool:
    """Close one client; False if it is not there."""
    client = context.registry.open.get(cid)
    if client is None:
        return False
    client.close(ClosedState.KICKED)
    return True


def close_all(context: ClientContext) -> int:
    """The server shuts down: close everybody and accept nobody; how many there were."""
    context.registry.accepting = False
    clients = list(context.registry.open.values())
    for client in clients:
        client.close(ClosedState.SERVER_SHUTDOWN)
    return len(clients)

"""Replies on their way back: from other clusters to who asked here, and from here to them.

Theory of operation. A message on a prefixed subject
(:mod:`pubsub.router.python.prefixes`) that another server passes on is an answer to
somebody of this cluster. It goes to who hears the subject behind the prefix, or first to
the server that is named there.

A message with a prefixed reply is a request of another cluster. Clients and the server
itself are shown the reply alone, and it is remembered who was shown which
(``map_reply``). What they publish there is their answer: it goes to the cluster that is
named in the whole reply, and to the hubs of this server, which may know that cluster, but
to nobody else.

(nats-server: ``handleGatewayReply``, ``deliverMsg``, ``handleGWReplyMap``.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.interfaces import PeerKind
from pubsub.router.python.delivery import distribute
from pubsub.router.python.gateways import send_abroad
from pubsub.router.python.prefixes import Way, way_of
from pubsub.router.python.subscription import Carrier, Heard
from pubsub.router.python.targets import ANSWERS, Targets, fitted, send_frame

if TYPE_CHECKING:
    from pubsub.router.python.account import Account
    from pubsub.router.python.link import PythonLink
    from pubsub.router.python.message import Message
    from pubsub.router.python.router import PythonRouter

__all__ = ["answer", "is_missing", "take_back", "whole_reply"]

#: Links that replies come back over.
_PASSES_ON = (PeerKind.ROUTE, PeerKind.GATEWAY)


# --- from other clusters ----------------------------------------------------------------


def take_back(link: PythonLink, home: Account, message: Message, payload: bytes) -> int | None:
    """Bring a message to who asked for it here; to how many links it went.

    ``None``: it is no reply that came through gateways.
    """
    gateways = link.router.gateways
    if gateways.names is None or link.kind not in _PASSES_ON:
        return None
    way = way_of(message.subject)
    if way is None:
        return None
    if not gateways.is_here(way):
        return 0
    if link.kind == PeerKind.GATEWAY and way.server and way.server != gateways.names.server:
        route = _route_to(link.router, home, way)
        if route is not None:
            _forward(route, home, message, payload)
            return 1
    message.subject = way.subject
    message.returned = message.any_queue = True
    return distribute(link.router, home, link, message, payload)


def _route_to(router: PythonRouter, home: Account, way: Way) -> PythonLink | None:
    """The link to that server: the one for the account, or else one for all."""
    routes = [route for route in router.routes if route.peer.hash == way.server]
    for account in (home, None):
        for route in routes:
            if route.pinned is account and not route.closed:
                return route
    return None


def _forward(route: PythonLink, home: Account, message: Message, payload: bytes) -> None:
    """Pass it on with the whole reply: that server knows what to do with it."""
    sizes, payload = fitted(route, message, payload)
    fields = [b"HMSG" if len(sizes) > 1 else b"RMSG"]
    if route.pinned is None:
        fields.append(home.wire_name)
    fields.append(message.subject)
    if message.reply:
        fields.append(message.reply)
    send_frame(route, home, b" ".join([*fields, *sizes]), payload)


def is_missing(home: Account, subject: bytes) -> bool:
    """Whether another cluster should be told that nobody here wants the messages on that."""
    if home.services and subject.startswith(ANSWERS):
        return False
    plain = home.find(subject).plain
    return all(isinstance(entry, Carrier) and entry.silent for entry in plain)


# --- to other clusters ------------------------------------------------------------------


def whole_reply(owner: PythonLink | Account, subject: bytes) -> bytes | None:
    """What it was, if it was a reply shown to ``owner`` without its prefix."""
    return None if owner.mapped is None else owner.mapped.find(subject)


def answer(
    router: PythonRouter,
    home: Account,
    publisher: PythonLink | None,
    message: Message,
    payload: bytes,
) -> int:
    """Send a message on a whole reply directly; to how many links it went, but at least 1."""
    targets = Targets(publisher, message)
    for hub in router.hubs:
        if (hub.pinned or hub.home) is home:
            targets.add(Heard(hub, home, (b"", home.name, message.subject, b""), 1, 0))
    sent = targets.send(home, payload)
    return max(1, sent + send_abroad(router, home, publisher, message, payload, ()))

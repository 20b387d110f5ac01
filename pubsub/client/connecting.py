"""CONNECT: from the moment it arrives until the client is somebody, or gone.

Theory of operation. The order of steps is nats-server's ``processConnect``; clients can
tell, because the first rule broken decides what they are told:

1. the authentication timer ends, the round trip is estimated, the first PING is planned;
2. the JSON is read (unreadable: closed in silence);
3. a second CONNECT drops the subscriptions and the account;
4. the authenticators decide, now or later; the connection is not read meanwhile. Who has no
   credentials is the ``no_auth_user``, if there is one;
5. its account takes it in, or does not;
6. ``account`` and ``new_account`` are refused;
7. the limits take effect;
8. ``protocol`` must be 0 or 1, ``no_responders`` needs ``headers``;
9. ``verbose`` gets its ``+OK``.

Where there is a ``no_auth_user``, CONNECT need not come at all: with the first other operation
the client goes through steps 4, 5 and 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.client import asking, becoming, keepalive
from pubsub.errors import (
    AuthorizationViolation,
    ClientFault,
    InvalidClientProtocol,
    MalformedArguments,
    NoRespondersNeedsHeaders,
)
from pubsub.interfaces import Identity
from pubsub.wire.connect import ConnectError

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["ASYNC_INFO", "connect_received", "operation_before_connect"]

#: ``protocol`` in CONNECT: 1 understands INFO at any time.
ASYNC_INFO = 1


def connect_received(client: ClientProtocol, argument: bytes) -> None:
    """CONNECT arrived: steps 1 to 4, and the rest if the authenticators know at once."""
    context, link = client.context, client.link
    assert link is not None
    context.deadlines.cancel(client.auth_deadline)
    client.auth_deadline = None
    client.last_connect = context.wall()
    client.rtt = max(client.last_connect - client.start, keepalive.SHORTEST_RTT)
    keepalive.plan_first_ping(client)
    try:
        client.connect = client.connect.updated(argument)
    except ConnectError as error:
        client.fault(MalformedArguments(str(error)))
        return
    first = not client.connect_seen
    client.connect_seen = True
    link.awaiting_connect = False
    if first:
        link.announce_first_ping = True
    else:
        becoming.leave(client)
    asking.ask(client, _decided)


def operation_before_connect(client: ClientProtocol) -> bool:
    """Something else came first: whether the client is the ``no_auth_user`` now."""
    context = client.context
    if not context.options.no_auth_user or client.connect_seen:
        return False
    context.deadlines.cancel(client.auth_deadline)
    client.auth_deadline = None
    client.connect_seen = True
    asking.ask(client, _decided_without_connect)
    if client.authenticating is not None:
        # Its input is paused; what comes first is looked at when the answer is there.
        return True
    return client.named and client.closed_state is None


def _decided_without_connect(
    client: ClientProtocol, identity: Identity | None, fault: ClientFault | None
) -> None:
    """Steps 5 and 7, for who sends no CONNECT; refusing at once is the router's."""
    if identity is None:
        if client.link is not None and not client.link.awaiting_connect:
            _refuse(client, fault or AuthorizationViolation())
        return
    if _taken_in(client, identity):
        _tell_connected(client)


def _decided(client: ClientProtocol, identity: Identity | None, fault: ClientFault | None) -> None:
    """Steps 5 to 9."""
    connect, link = client.connect, client.link
    assert link is not None
    if identity is None:
        _refuse(client, fault or AuthorizationViolation())
        return
    if connect.new_account or connect.account:
        _refuse(client, AuthorizationViolation())
        return
    if not _taken_in(client, identity):
        return
    _tell_connected(client)
    if client.closed_state is not None:
        return
    if connect.protocol not in (0, ASYNC_INFO):
        client.fault(InvalidClientProtocol())
    elif connect.no_responders and not link.options.headers:
        client.fault(NoRespondersNeedsHeaders())
    elif connect.verbose:
        client.send(b"+OK\r\n")
        if link.trace:
            client.traced("out", "OK", b"")


def _taken_in(client: ClientProtocol, identity: Identity) -> bool:
    admission, link = client.context.admission, client.link
    fault = None
    if admission is not None and link is not None:
        fault = admission.connecting(link, identity)
    if fault is None:
        fault = becoming.become(client, identity)
    if fault is not None:
        _refuse(client, fault)
        return False
    client.named = True
    becoming.apply_options(client)
    return client.closed_state is None


def _refuse(client: ClientProtocol, fault: ClientFault) -> None:
    """Tell the client, and whoever observes clients."""
    client.fault(fault)
    observer = client.context.observer
    if observer is not None and not isinstance(fault, AuthorizationViolation):
        # of these it is told wherever they happen
        observer.client_refused(client, fault)


def _tell_connected(client: ClientProtocol) -> None:
    observer = client.context.observer
    if observer is not None:
        client.announced = True
        observer.client_connected(client)

"""Closing a connection: what is told to whom, and how long the peer has for the last bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pubsub.errors import ClosedState

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["abort", "close", "settle"]

#: Seconds a peer has to take what it was last sent; nats-server allows write_deadline for it.
#: 5 s is enough for a slow line, and a peer that never reads does not hold its memory longer.
LINGER = 5.0

#: nats-server does not flush when it closes for these
_WITHOUT_FLUSH = frozenset(
    {
        ClosedState.READ_ERROR,
        ClosedState.WRITE_ERROR,
        ClosedState.SLOW_CONSUMER_PENDING_BYTES,
        ClosedState.SLOW_CONSUMER_WRITE_DEADLINE,
        ClosedState.TLS_HANDSHAKE_ERROR,
    }
)


def close(client: ClientProtocol, state: ClosedState) -> None:
    """End the connection for that reason; whoever calls has seen that it is open."""
    context, link = client.context, client.link
    client.closed_state = state
    deadlines = context.deadlines
    deadlines.cancel(client.auth_deadline)
    deadlines.cancel(client.ping_deadline)
    client.auth_deadline = client.ping_deadline = None
    if client.preamble is not None:
        client.preamble.cancel()
    client.debug(f"Client connection closed: {state.value}")
    context.registry.was_closed(client.describe())
    context.accounts.unregister(client)
    if client.announced and context.observer is not None:
        context.observer.client_disconnected(client)
    if client.authenticating is not None:
        client.authenticating.cancel()
    if not client.connected:
        if link is not None:
            link.close()
    elif state in _WITHOUT_FLUSH:
        if link is not None:
            link.close()
        abort(client)
    else:
        _close_slowly(client)


def abort(client: ClientProtocol) -> None:
    """Drop the transport, whatever it still holds."""
    if client.connected:
        client.transport.abortConnection()


def settle(client: ClientProtocol) -> None:
    """The transport is gone: nothing is waited for any more."""
    client.context.deadlines.cancel(client.linger_deadline)
    client.linger_deadline = None


def _close_slowly(client: ClientProtocol) -> None:
    """Let the peer have what is queued for it, but not for ever."""
    link = client.link
    if link is not None:
        if not client.native:
            # What waits in the link because the transport was full goes there now.
            client.transport.unregisterProducer()
            link.resume_output()
        link.flush()
        link.close()
    if client.paused and not client.native:
        # TLS is over when the peer has said so, too, which has to be read.
        client.transport.resumeProducing()
    client.transport.loseConnection()
    deadline = min(LINGER, client.context.options.write_deadline or LINGER)
    client.linger_deadline = client.context.deadlines.add(deadline, _linger_over, client)


def _linger_over(client: ClientProtocol) -> None:
    client.linger_deadline = None
    abort(client)

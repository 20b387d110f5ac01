"""A reload, for those who are connected already.

New connections read ``context.options`` anyway. What the open ones learn, and who has to
go, is as in nats-server's ``reload.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from pubsub.auth.permissions import predicates
from pubsub.client import connecting
from pubsub.errors import AuthorizationViolation, ClosedState, MaximumConnectionsExceeded

if TYPE_CHECKING:
    from pubsub.client.context import ClientContext
    from pubsub.client.protocol import ClientProtocol
    from pubsub.config.options import Options
    from pubsub.interfaces import Identity

__all__ = ["apply_reload"]

_log = Logger()


def apply_reload(context: ClientContext, old: Options) -> None:
    """Make the open connections obey ``context.options``, which replaced ``old``.

    ``context.authenticator`` and ``context.info`` must be those of the new options already.
    ``ping_interval``, ``ping_max`` and ``write_deadline`` need nothing: they are read each time.
    """
    new, registry = context.options, context.registry
    if new.max_closed_clients != old.max_closed_clients:
        registry.resize(new.max_closed_clients)
    if new.max_connections != old.max_connections:
        _close_excess(context)
    clients = list(registry.open.values())
    if new.authorization != old.authorization:
        for client in clients:
            _check(client)
    for client in clients:
        _obey(client)


def _close_excess(context: ClientContext) -> None:
    """Close connections until ``max_connections`` is not exceeded, the oldest first."""
    limit, registry = context.options.max_connections, context.registry
    if limit == 0:
        return
    excess = list(registry.open.values())[: max(0, len(registry.open) - max(0, limit))]
    for client in excess:
        client.fault(MaximumConnectionsExceeded())
    if excess:
        _log.info("Closed {count} connections to fall within max_connections", count=len(excess))


def _check(client: ClientProtocol) -> None:
    """Ask the new authenticators about it; who is not known any more has to go."""
    if client.closed_state is not None or client.link is None or client.authenticating is not None:
        # in its preamble, or being asked about already: CONNECT decides, by the new rules
        # for those to come and by the old ones for whoever sent it before
        return
    connecting.ask(client, _checked)


def _checked(client: ClientProtocol, identity: Identity | None) -> None:
    if identity is None:
        client.fault(AuthorizationViolation())
        return
    if client.link is not None and identity.account != client.link.account:
        # nats-server closes without a word: the client comes back and is in its new account
        client.close(ClosedState.CLIENT_CLOSED)
        return
    client.identity = identity
    if client.link is not None:
        client.link.set_permissions(*predicates(identity.permissions))
        if not client.context.authenticator.required:
            client.link.awaiting_connect = False
    _obey(client)


def _obey(client: ClientProtocol) -> None:
    """The limits and the trace of the new options."""
    link, options = client.link, client.context.options
    if link is not None and client.closed_state is None:
        connecting.apply_options(client)
        link.trace = options.trace or options.trace_verbose

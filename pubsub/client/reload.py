"""A reload, or a change of users while the server runs, for those who are connected already.

New connections read ``context.options`` anyway. What the open ones learn, and who has to
go, is as in nats-server's ``reload.go`` (``reloadAuthorization``,
``clientHasMovedToDifferentAccount``):

* whose user is not there any more, or is in another account, is closed without a word: it
  comes back and is somebody else, or nobody;
* who is refused now, for its password or its key, is told so and closed;
* the others have the permissions and limits of now, and lose what subscriptions these do not
  allow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.logger import Logger

from pubsub.client import asking, becoming
from pubsub.errors import (
    AuthorizationViolation,
    ClientFault,
    ClosedState,
    MaximumConnectionsExceeded,
    ProxyNotTrusted,
)
from pubsub.wire.info import InfoRenderer

if TYPE_CHECKING:
    from pubsub.client.context import ClientContext
    from pubsub.client.protocol import ClientProtocol
    from pubsub.config.options import Options
    from pubsub.interfaces import Identity
    from pubsub.values.accounts import UserOptions

__all__ = ["apply_reload", "user_changed"]

#: options that may change who a client is
_WHO = (
    "authorization",
    "users",
    "accounts",
    "no_auth_user",
    "system_account",
    "operator",
    "trusted_keys",
    "resolver",
    "resolver_preload",
    "resolver_pinned_accounts",
    "default_sentinel",
    "trusted_proxies",
)

_log = Logger()


def apply_reload(context: ClientContext, old: Options) -> None:
    """Make the open connections obey ``context.options``, which replaced ``old``.

    ``context.authenticator``, ``context.info``, ``context.accounts`` and ``context.users``
    must be those of the new options already. ``ping_interval``, ``ping_max`` and
    ``write_deadline`` need nothing: they are read each time.
    """
    new, registry = context.options, context.registry
    if new.max_closed_clients != old.max_closed_clients:
        registry.resize(new.max_closed_clients)
    if new.max_connections != old.max_connections:
        _close_excess(context)
    if new.trusted_proxies != old.trusted_proxies:
        _close_by_proxy(context)
    clients = list(registry.open.values())
    if any(getattr(new, name) != getattr(old, name) for name in _WHO):
        for client in clients:
            _check(client)
    for client in clients:
        _obey(client)


def user_changed(context: ClientContext, key: str, user: UserOptions | None) -> None:
    """Look after the clients of a user of the lists that was added, changed or dropped: this
    is a listener of :class:`pubsub.accounts.users.Users`.

    With the first user credentials are required of everybody; with the last one gone of nobody,
    unless the configuration has users.
    """
    info, required = context.info.info, context.required
    clients = list(context.registry.open.values())
    if info.auth_required != required:
        context.info = InfoRenderer(replace(info, auth_required=required))
    else:
        clients = [client for client in clients if client.identity.user == key]
    if context.reloading:
        # Its account may be another one, too, in a moment: apply_reload looks at both.
        return
    for client in clients:
        _check(client)
    context.router.flush()


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


def _close_by_proxy(context: ClientContext) -> None:
    """Close who came by a proxy that is not trusted any more."""
    trusted = context.options.trusted_proxies
    for client in list(context.registry.open.values()):
        key = client.identity.proxy_key
        if key and key not in trusted:
            client.fault(ProxyNotTrusted())


def _check(client: ClientProtocol) -> None:
    """Ask the new authenticators about it; who is not known any more has to go."""
    if client.closed_state is not None or client.link is None or client.authenticating is not None:
        # in its preamble, or being asked about already: CONNECT decides, by the new rules
        # for those to come and by the old ones for whoever sent it before
        return
    required = client.context.required
    if not client.connect_seen and (required or client.link.awaiting_connect):
        _await_connect(client, required)
        return
    if client.listed:
        user = client.context.users.find(client.identity.user)
        if user is None or user.account != client.link.account:
            client.close(ClosedState.CLIENT_CLOSED)
            return
    asking.ask(client, _checked)


def _await_connect(client: ClientProtocol, required: bool) -> None:
    """Nobody yet: whether it has to say who it is before anything else may have changed."""
    link = client.link
    assert link is not None
    if required and not link.awaiting_connect:
        # It was served without asking; nats-server does not let it go on either.
        client.fault(AuthorizationViolation())
    else:
        link.awaiting_connect = required


def _checked(client: ClientProtocol, identity: Identity | None, fault: ClientFault | None) -> None:
    link = client.link
    if identity is None:
        client.fault(fault or AuthorizationViolation())
        return
    if link is None:
        return
    if identity.account != link.account:
        # nats-server closes without a word: the client comes back and is in its new account
        client.close(ClosedState.CLIENT_CLOSED)
        return
    becoming.become_again(client, identity)
    if not client.context.required:
        link.awaiting_connect = False


def _obey(client: ClientProtocol) -> None:
    """The limits and the trace of the new options."""
    link, options = client.link, client.context.options
    if link is not None and client.closed_state is None:
        becoming.apply_options(client)
        link.trace = options.trace or options.trace_verbose

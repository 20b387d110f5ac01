"""Being somebody: what an identity and its account mean for a connection.

Of a limit there may be three values, the user's, the account's and the server's; the least
counts, -1 being none (nats-server: ``applyAccountLimits``). Who has no permissions of its own
has the default ones of its account, whatever these are at the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import LogLevel

from pubsub.auth.permissions import Predicates, predicates
from pubsub.client.context import link_options
from pubsub.client.describing import who
from pubsub.errors import (
    ClientFault,
    ClosedState,
    MaximumSubscriptionsExceeded,
    UserAuthenticationExpired,
    go_quote,
)
from pubsub.interfaces import GLOBAL_ACCOUNT, Identity, Permissions
from pubsub.values.accounts import AccountLimits

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol
    from pubsub.values.accounts import AccountOptions

__all__ = [
    "account_changed",
    "apply_options",
    "become",
    "become_again",
    "check_subscriptions",
    "leave",
    "permissions_of",
]

_NO_LIMITS = AccountLimits()


def become(client: ClientProtocol, identity: Identity) -> ClientFault | None:
    """Make ``client`` that somebody, in its account.

    :returns: why it cannot be: the account is missing, full or over.
    """
    context, link = client.context, client.link
    assert link is not None
    fault = context.accounts.register(client, identity)
    if fault is not None:
        return fault
    client.identity = identity
    client.listed = context.users.find(identity.user) is not None
    if link.account != identity.account:
        link.account = identity.account
    expire_at(client, identity.expires)
    link.set_permissions(*_predicates(client))
    link.forget_request_info()
    return None


def become_again(client: ClientProtocol, identity: Identity) -> None:
    """It stays in its account, but may be another now: its permissions and limits change."""
    link = client.link
    assert link is not None
    client.identity = identity
    client.listed = client.context.users.find(identity.user) is not None
    expire_at(client, identity.expires)
    link.set_permissions(*_predicates(client))
    link.forget_request_info()
    check_subscriptions(client)
    apply_options(client)


def leave(client: ClientProtocol) -> None:
    """Make ``client`` nobody again (a second CONNECT): all it was is gone."""
    link = client.link
    assert link is not None
    link.clear_subscriptions()
    link.set_permissions(None, None, None)
    client.context.accounts.unregister(client)
    if link.account != GLOBAL_ACCOUNT:
        link.account = GLOBAL_ACCOUNT
    link.forget_request_info()


def account_changed(client: ClientProtocol, account: AccountOptions) -> None:
    """Obey ``account``, its account, as it is now."""
    link = client.link
    if link is None or client.closed_state is not None or client.context.reloading:
        return
    if client.identity.permissions is None:
        link.set_permissions(*_predicates(client))
        check_subscriptions(client)
    apply_options(client)


def apply_options(client: ClientProtocol) -> None:
    """Make its link obey CONNECT, the identity, the account and the server's options.

    Who has more subscriptions than are allowed now is told so, and closed.
    """
    connect, link, options = client.connect, client.link, client.context.options
    assert link is not None
    limits = client.identity.limits
    account = client.context.accounts.find(link.account)
    of_account = account.limits if account is not None else _NO_LIMITS
    most = least(limits.get("max_subscriptions", -1), of_account.max_subscriptions)
    if options.max_subscriptions > 0:
        most = least(most, options.max_subscriptions)
    link.options = link_options(
        connect.verbose,
        connect.pedantic,
        connect.echo,
        connect.headers and not options.no_header_support,
        connect.no_responders,
        least(limits.get("max_payload", -1), of_account.max_payload, options.max_payload),
        most,
    )
    # A link takes 0 for any number; nats-server lets nobody stay who may have none.
    if most == 0 or 0 < most < link.counters().subscriptions:
        client.fault(MaximumSubscriptionsExceeded())
        client.close(ClosedState.MAX_SUBSCRIPTIONS_EXCEEDED)


def least(*limits: int) -> int:
    """The least of them; what is below 0 is none, and so is the answer if all are."""
    return min((limit for limit in limits if limit >= 0), default=-1)


def permissions_of(client: ClientProtocol) -> Permissions | None:
    """What it may do: its own permissions, or the default ones of its account."""
    own = client.identity.permissions
    if own is not None:
        return own
    account = client.context.accounts.find(client.identity.account)
    return account.default_permissions if account is not None else None


def check_subscriptions(client: ClientProtocol) -> None:
    """Drop the subscriptions it may not have any more, and tell it of each
    (nats-server: ``processSubsOnConfigReload``)."""
    link = client.link
    may_subscribe = _predicates(client).subscribe
    if link is None or may_subscribe is None:
        return
    somebody = who(client) or 'User "N/A"'
    for subscription in link.subscriptions():
        subject, queue = subscription.subject, subscription.queue
        if may_subscribe(subject, queue):
            continue
        link.unsubscribe(subscription.sid)
        what = go_quote(subject) + (f" using queue {go_quote(queue)}" if queue else "")
        sid = f"(sid {go_quote(subscription.sid)})"
        text = f"Permissions Violation for Subscription to {what} {sid}"
        client.send_now(b"-ERR '%b'\r\n" % text.encode("utf-8", "surrogateescape"))
        client.context.faults.emit(
            LogLevel.info,
            client.label(),
            f"Removed sub {what} {sid} for {somebody} - not authorized",
            client.cid,
        )


def _predicates(client: ClientProtocol) -> Predicates:
    return predicates(permissions_of(client))


def expire_at(client: ClientProtocol, expires: float) -> None:
    """Close it at that time, epoch seconds, and not at any that was planned; 0 for never."""
    context = client.context
    context.deadlines.cancel(client.auth_deadline)
    client.auth_deadline = None
    if expires:
        delay = max(0.0, expires - context.wall())
        client.auth_deadline = context.deadlines.add(delay, _expired, client)


def _expired(client: ClientProtocol) -> None:
    client.auth_deadline = None
    client.fault(UserAuthenticationExpired())

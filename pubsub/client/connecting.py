"""CONNECT: from the moment it arrives until the client is somebody, or gone.

Theory of operation. The order of steps is nats-server's ``processConnect``; clients can
tell, because the first rule broken decides what they are told:

1. the authentication timer ends, the round trip is estimated, the first PING is planned;
2. the JSON is read (unreadable: closed in silence);
3. a second CONNECT drops the subscriptions and the account;
4. the authenticators decide, now or later; the connection is not read meanwhile;
5. ``account`` and ``new_account`` are refused;
6. the account and the options take effect;
7. ``protocol`` must be 0 or 1, ``no_responders`` needs ``headers``;
8. ``verbose`` gets its ``+OK``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pubsub.auth.permissions import predicates
from pubsub.client import keepalive
from pubsub.client.context import link_options
from pubsub.errors import (
    AuthenticationFailed,
    AuthorizationViolation,
    InvalidClientProtocol,
    MalformedArguments,
    NoRespondersNeedsHeaders,
    UserAuthenticationExpired,
)
from pubsub.interfaces import GLOBAL_ACCOUNT, ConnectionAttempt, Identity
from pubsub.wire.connect import ConnectError

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["ASYNC_INFO", "apply_options", "ask", "connect_received"]

#: ``protocol`` in CONNECT: 1 understands INFO at any time.
ASYNC_INFO = 1

_log = Logger()


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
        ask(client, _decided)
    else:
        link.clear_subscriptions()
        link.set_permissions(None, None, None)
        if link.account != GLOBAL_ACCOUNT:
            link.account = GLOBAL_ACCOUNT
        ask(client, _decided)


def ask(client: ClientProtocol, decided: Callable[[ClientProtocol, Identity | None], None]) -> None:
    """Call ``decided(client, identity)``, now or later; ``None`` for a refusal of any kind.

    A failing authenticator refuses. If the answer takes time, the client is not read until
    it is there; if the client goes meanwhile, the question is withdrawn.
    """
    attempt = ConnectionAttempt(
        connect=client.connect.fields(),
        peer=client.address(),
        connection_type="IN_PROCESS" if client.in_process else "STANDARD",
        nonce=client.nonce,
        tls_certificate=client.certificate(),
    )
    try:
        outcome = client.context.authenticator.authenticate(attempt)
    except Exception:  # noqa: BLE001 - third-party code must not take the server down
        _refused(Failure(), client)
        decided(client, None)
        return
    if not isinstance(outcome, Deferred):
        decided(client, _identity(outcome, client))
        return
    client.authenticating = outcome
    outcome.addErrback(_refused, client)
    outcome.addCallback(_answered, client, decided)
    outcome.addErrback(_broken, client)
    if client.authenticating is outcome:
        client.pause_input(client.AUTHENTICATING)


def _refused(failure: Failure, client: ClientProtocol) -> None:
    """Say in the log why there is no identity; ``None`` is the answer."""
    if failure.check(AuthenticationFailed) is not None:
        client.debug(f"Authentication refused: {failure.getErrorMessage()}")
    elif failure.check(CancelledError) is None:
        _log.failure("{peer} - The authenticator failed", failure=failure, peer=client.label())


def _identity(answer: object, client: ClientProtocol) -> Identity | None:
    """The answer, if it is one: anything else lets nobody in."""
    if answer is None or isinstance(answer, Identity):
        return answer
    _log.error(
        "{peer} - The authenticator answered {answer!r}, which is no Identity",
        peer=client.label(),
        answer=answer,
    )
    return None


def _answered(
    identity: Identity | None,
    client: ClientProtocol,
    decided: Callable[[ClientProtocol, Identity | None], None],
) -> None:
    client.authenticating = None
    if client.closed_state is not None:
        return
    decided(client, _identity(identity, client))
    client.resume_input(client.AUTHENTICATING)


def _broken(failure: Failure, client: ClientProtocol) -> None:
    """What follows the answer failed: that is our fault, but only this client pays."""
    _log.failure("{peer} - CONNECT failed", failure=failure, peer=client.label())
    client.fault(AuthorizationViolation("CONNECT could not be processed"))


def _decided(client: ClientProtocol, identity: Identity | None) -> None:
    """Steps 5 to 8."""
    connect, link = client.connect, client.link
    assert link is not None
    if identity is None or connect.new_account or connect.account:
        client.fault(AuthorizationViolation())
        return
    client.identity = identity
    if link.account != identity.account:
        link.account = identity.account
    if identity.expires:
        _expire_at(client, identity.expires)
    if identity.permissions is not None:
        link.set_permissions(*predicates(identity.permissions))
    apply_options(client)
    client.named = True
    if connect.protocol not in (0, ASYNC_INFO):
        client.fault(InvalidClientProtocol())
    elif connect.no_responders and not link.options.headers:
        client.fault(NoRespondersNeedsHeaders())
    elif connect.verbose:
        client.send(b"+OK\r\n")
        if link.trace:
            client.traced("out", "OK", b"")


def apply_options(client: ClientProtocol) -> None:
    """Make its link obey CONNECT, the identity and the server's options."""
    connect, link, options = client.connect, client.link, client.context.options
    assert link is not None
    limits = client.identity.limits
    link.options = link_options(
        connect.verbose,
        connect.pedantic,
        connect.echo,
        connect.headers and not options.no_header_support,
        connect.no_responders,
        limits.get("max_payload", options.max_payload),
        limits.get("max_subscriptions", options.max_subscriptions),
    )


def _expire_at(client: ClientProtocol, expires: float) -> None:
    context = client.context
    client.auth_deadline = context.deadlines.add(
        max(0.0, expires - context.wall()), _expired, client
    )


def _expired(client: ClientProtocol) -> None:
    client.fault(UserAuthenticationExpired())

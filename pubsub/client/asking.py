"""Asking the authenticators who a client is: now or later, once or on a reload."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pubsub.errors import AuthenticationFailed, AuthorizationViolation, ClientFault, ProxyRequired
from pubsub.interfaces import ConnectionAttempt, Identity

if TYPE_CHECKING:
    from pubsub.client.protocol import ClientProtocol

__all__ = ["Decided", "ask", "attempt_of", "has_credentials"]

#: ``decided(client, identity, fault)``: who it is, or ``None`` and what to tell it
Decided = Callable[["ClientProtocol", "Identity | None", "ClientFault | None"], None]

#: CONNECT fields with any of which a client is not the ``no_auth_user``
_CREDENTIALS = ("user", "pass", "auth_token", "nkey", "jwt", "sig")

_log = Logger()


def ask(client: ClientProtocol, decided: Decided) -> None:
    """Call ``decided``, now or later.

    A failing authenticator refuses. If the answer takes time, the client is not read until
    it is there; if the client goes meanwhile, the question is withdrawn.
    """
    try:
        outcome = _question(client)
    except Exception:  # noqa: BLE001 - third-party code must not take the server down
        decided(client, None, _refused(Failure(), client))
        return
    if not isinstance(outcome, Deferred):
        decided(client, _identity(outcome, client), None)
        return
    client.authenticating = outcome
    outcome.addCallbacks(_known, _not_known, callbackArgs=(client,), errbackArgs=(client,))
    outcome.addCallback(_answered, client, decided)
    outcome.addErrback(_broken, client)
    if client.authenticating is outcome:
        client.pause_input(client.AUTHENTICATING)


def attempt_of(client: ClientProtocol) -> ConnectionAttempt:
    """All that is known about who is connecting."""
    tls = client.tls
    return ConnectionAttempt(
        connect=client.connect.fields(),
        peer=client.address(),
        connection_type="IN_PROCESS" if client.in_process else "STANDARD",
        nonce=client.nonce,
        tls_certificate=client.certificate(),
        tls_chain=tuple(certificate.der for certificate in tls.peer_certificates),
        tls_version=tls.version,
        tls_cipher=tls.cipher_suite,
        host=client.host,
        cid=client.cid,
        start=client.start,
    )


def has_credentials(connect: Mapping[str, Any]) -> bool:
    """Whether a client says who it is."""
    return any(connect.get(name) for name in _CREDENTIALS)


def _question(client: ClientProtocol) -> Any:
    """What the authenticators answer, or what ``no_auth_user`` makes of it."""
    context, attempt = client.context, attempt_of(client)
    name = context.options.no_auth_user
    if name and not has_credentials(attempt.connect) and not attempt.tls_certificate:
        identity = _no_auth_user(client, attempt, name)
        if identity is not None:
            return identity
    return context.authenticator.authenticate(attempt)


def _no_auth_user(client: ClientProtocol, attempt: ConnectionAttempt, name: str) -> Identity | None:
    """Who somebody without credentials is, ``None`` if the authenticators have to say."""
    context = client.context
    user = context.users.find(name)
    if user is None or context.options.authorization.auth_callout is not None:
        # the service of the callout has the last word
        return None
    if user.connection_types and attempt.connection_type not in user.connection_types:
        raise AuthenticationFailed(f"not by a {attempt.connection_type} connection")
    if user.proxy_required:
        raise AuthenticationFailed("it has to come by a trusted proxy", ProxyRequired())
    identity_of = getattr(context.authenticator, "identity_of", None)
    identity: Identity | None = identity_of(name) if identity_of is not None else None
    return identity


def _refused(failure: Failure, client: ClientProtocol) -> ClientFault | None:
    """Say in the log why there is no identity; what to tell the client."""
    if failure.check(AuthenticationFailed) is not None:
        client.debug(f"Authentication refused: {failure.getErrorMessage()}")
        fault: ClientFault | None = getattr(failure.value, "fault", None)
        return fault
    if failure.check(CancelledError) is None:
        _log.failure("{peer} - The authenticator failed", failure=failure, peer=client.label())
    return None


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


def _known(answer: object, client: ClientProtocol) -> tuple[Identity | None, ClientFault | None]:
    return _identity(answer, client), None


def _not_known(
    failure: Failure, client: ClientProtocol
) -> tuple[Identity | None, ClientFault | None]:
    return None, _refused(failure, client)


def _answered(
    answer: tuple[Identity | None, ClientFault | None], client: ClientProtocol, decided: Decided
) -> None:
    client.authenticating = None
    if client.closed_state is not None:
        return
    decided(client, *answer)
    client.resume_input(client.AUTHENTICATING)


def _broken(failure: Failure, client: ClientProtocol) -> None:
    """What follows the answer failed: that is our fault, but only this client pays."""
    _log.failure("{peer} - CONNECT failed", failure=failure, peer=client.label())
    client.fault(AuthorizationViolation("CONNECT could not be processed"))

"""Asking the authenticators who a client is: now or later, once or on a reload."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pubsub.errors import AuthenticationFailed, AuthorizationViolation, ClientFault
from pubsub.interfaces import ConnectionAttempt, Identity

if TYPE_CHECKING:
    from pubsub.client.context import ClientContext
    from pubsub.client.protocol import ClientProtocol

__all__ = ["Asker", "Decided", "ask", "attempt_of", "identity_in", "question", "reason_of"]

#: ``decided(client, identity, fault)``: who it is, or ``None`` and what to tell it
Decided = Callable[["ClientProtocol", "Identity | None", "ClientFault | None"], None]

#: CONNECT fields with any of which a client is not the ``no_auth_user`` (as in nats-server,
#: which looks at JWTs in operator mode only, where there is no such user)
_CREDENTIALS = ("user", "pass", "auth_token", "nkey")

_log = Logger()


class Asker(Protocol):
    """Whoever wants to be somebody here, for the log."""

    def debug(self, text: str) -> None:
        """A debug line about it."""

    def label(self) -> str:
        """How its log lines begin."""


def ask(client: ClientProtocol, decided: Decided) -> None:
    """Call ``decided``, now or later.

    A failing authenticator refuses. If the answer takes time, the client is not read until
    it is there; if the client goes meanwhile, the question is withdrawn.
    """
    try:
        outcome = question(client.context, attempt_of(client))
    except Exception:  # noqa: BLE001 - third-party code must not take the server down
        decided(client, None, reason_of(Failure(), client))
        return
    if not isinstance(outcome, Deferred):
        decided(client, identity_in(outcome, client), None)
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


def question(context: ClientContext, attempt: ConnectionAttempt) -> Any:
    """What the authenticators answer; ``no_auth_user`` if nobody needs to be asked."""
    authenticator, options = context.authenticator, context.options
    admit = getattr(authenticator, "admit", None)
    if (
        options.no_auth_user
        and admit is not None
        and not has_credentials(attempt.connect)
        # the service of a callout has the last word
        and options.authorization.auth_callout is None
    ):
        identity = admit(options.no_auth_user, attempt)
        if identity is not None:
            return identity
    return authenticator.authenticate(attempt)


def reason_of(failure: Failure, client: Asker) -> ClientFault | None:
    """Say in the log why there is no identity; what to tell the client."""
    if failure.check(AuthenticationFailed) is not None:
        client.debug(f"Authentication refused: {failure.getErrorMessage()}")
        fault: ClientFault | None = getattr(failure.value, "fault", None)
        return fault
    if failure.check(CancelledError) is None:
        _log.failure("{peer} - The authenticator failed", failure=failure, peer=client.label())
    return None


def identity_in(answer: object, client: Asker) -> Identity | None:
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
    return identity_in(answer, client), None


def _not_known(
    failure: Failure, client: ClientProtocol
) -> tuple[Identity | None, ClientFault | None]:
    return None, reason_of(failure, client)


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

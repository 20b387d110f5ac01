"""What other servers have to say or to show before they are let in.

User and password; or, if ``tls`` says ``verify_cert_and_check_known_urls`` or ``verify_and_map``,
a certificate, and then user and password do not count (nats-server's isRouterAuthorized and
isGatewayAuthorized).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pubsub.errors import AuthenticationFailed, AuthorizationViolation
from pubsub.quoting import quoted

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from pubsub.cluster.connection import ServerConnection

__all__ = ["Terms", "admit", "has_known_certificate", "reconsider"]


@dataclass(frozen=True)
class Terms:
    """What is asked of other servers.

    :param user: without one, nothing has to be said.
    :param password: it may be a bcrypt or argon2 hash.
    :param option: where the password stands in the configuration.
    :param urls: of the servers that are configured.
    """

    user: str
    password: str = field(repr=False)
    option: str
    urls: Iterable[object] = ()


def has_known_certificate(connection: ServerConnection, terms: Terms) -> bool | None:
    """Whether its certificate names a server or a user that may link up.

    :returns: ``None``: certificates are not asked for names.
    """
    tls = connection.tls_options()
    if tls is None or not (tls.check_known_urls or tls.verify_and_map):
        return None
    shown = connection.tls.peer_certificates
    if not shown:
        return False
    # most servers do not look into certificates: they do not load what this needs
    from pubsub.auth.known_urls import is_known_server

    urls = map(str, terms.urls) if tls.check_known_urls else ()
    try:
        return is_known_server(shown[0].der, urls, terms.user if tls.verify_and_map else "")
    except AuthenticationFailed:
        return False


def admit(
    connection: ServerConnection, terms: Terms, said: tuple[str, str], known: Callable[[], None]
) -> None:
    """Call ``known()`` if the other server keeps to the terms, at once or later.

    Otherwise, or if that takes time and it goes meanwhile, it is not called.

    :param said: user and password.
    """
    connection.said = said
    judged = _judge(connection, terms)
    if isinstance(judged, bool):
        if judged:
            known()
        else:
            _refuse(connection)
        return
    link = connection.link
    assert link is not None
    link.pause_input()

    def decided(matches: bool) -> None:
        if connection.closed_state is not None:
            return
        if matches:
            known()
        else:
            _refuse(connection)
        link.resume_input()
        connection.table.flush_soon()

    judged.addCallback(decided)


def reconsider(connection: ServerConnection, terms: Terms) -> None:
    """The terms are others than when it was let in: close it if it does not keep to these."""

    def decided(keeps: bool) -> None:
        if not keeps and connection.closed_state is None:
            connection.no_reconnect = True
            _refuse(connection)

    judged = _judge(connection, terms)
    if isinstance(judged, bool):
        decided(judged)
    else:
        judged.addCallback(decided)


def _judge(connection: ServerConnection, terms: Terms) -> bool | Deferred[bool]:
    """Whether it keeps to the terms; hashes are not computed in this thread."""
    certified = has_known_certificate(connection, terms)
    if certified is not None:
        return certified
    if not terms.user:
        return True
    user, password = connection.said
    if user != terms.user:
        return False
    # most servers have no password of their own: they do not load what this needs
    from pubsub.auth.passwords import Secret

    secret = Secret(terms.password, terms.option)
    if not secret.slow:
        return secret.matches(password)
    checked = secret.matches_later(password, connection.server.defer_to_thread)
    return checked.addErrback(lambda failure: False)


def _refuse(connection: ServerConnection) -> None:
    tls, user = connection.tls_options(), connection.said[0]
    if tls is not None and (tls.check_known_urls or tls.verify_and_map):
        shown = connection.tls.peer_certificates
        subject = quoted(shown[0].subject if shown else "")
        who = f"certificate of {subject} names no server known here"
    else:
        who = f"User {quoted(user)}"
    connection.fault(AuthorizationViolation(f"authentication error - {who}"))

"""What other servers have to say or to show before they are let in.

User and password; or, if ``tls`` says ``verify_cert_and_check_known_urls`` or ``verify_and_map``,
a certificate, and then user and password do not count (nats-server's isRouterAuthorized and
isGatewayAuthorized).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pubsub.errors import AuthenticationFailed, AuthorizationViolation, go_quote

if TYPE_CHECKING:
    from pubsub.cluster.connection import ServerConnection

__all__ = ["Terms", "admit", "has_known_certificate"]


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
    certified = has_known_certificate(connection, terms)
    if certified is not None:
        if certified:
            known()
        else:
            _refuse_certificate(connection)
        return
    if not terms.user:
        known()
        return
    # most servers have no password of their own: they do not load what this needs
    from pubsub.auth.passwords import Secret

    secret = Secret(terms.password, terms.option)
    if said[0] != terms.user:
        _refuse(connection, said[0])
        return
    if not secret.slow:
        if secret.matches(said[1]):
            known()
        else:
            _refuse(connection, said[0])
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
            _refuse(connection, said[0])
        link.resume_input()
        connection.table.flush_soon()

    checked = secret.matches_later(said[1], connection.server.defer_to_thread)
    checked.addErrback(lambda failure: False)
    checked.addCallback(decided)


def _refuse(connection: ServerConnection, user: str) -> None:
    shown = go_quote(user.encode("utf-8", "replace"))
    connection.fault(AuthorizationViolation(f"authentication error - User {shown}"))


def _refuse_certificate(connection: ServerConnection) -> None:
    shown = connection.tls.peer_certificates
    subject = go_quote(shown[0].subject.encode("utf-8", "replace") if shown else b"")
    connection.fault(
        AuthorizationViolation(
            f"authentication error - certificate of {subject} names no server known here"
        )
    )

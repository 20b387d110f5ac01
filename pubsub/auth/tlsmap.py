"""``tls { verify_and_map: true }``: the user is whom the certificate names.

Asked in place of :mod:`pubsub.auth.users`, about the same table. The names of a certificate
are tried in nats-server's order (``checkClientTLSCertSubject``): alternative names by e-mail,
DNS and URI, each the exact name of a user; the subject as a distinguished name, first in the
order it has, then in any; the subject as Go writes it, with its domain components and without.
The ``user`` of CONNECT does not count; a password the user has in the table does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from zope.interface import implementer

from pubsub.auth.dn import DN, parse_dn
from pubsub.auth.users import Outcome, UsersAuthenticator
from pubsub.errors import AuthenticationFailed, NotConfigured
from pubsub.interfaces import (
    ConnectionAttempt,
    IAuthenticatorPlugin,
    IServerAccess,
    IServerAuthenticator,
    IThreadedAuthenticator,
)
from pubsub.values.accounts import UserOptions

if TYPE_CHECKING:
    from pubsub.auth.slowwork import DeferToThread

__all__ = ["TlsMapAuthenticator", "TlsMapPlugin"]


@implementer(IThreadedAuthenticator, IServerAuthenticator)
class TlsMapAuthenticator:
    """Knows the users with names by their certificates.

    :param options: :class:`pubsub.config.options.Options`.
    """

    _log = Logger()

    def __init__(self, options: Any) -> None:
        self._users = UsersAuthenticator(options)

    @property
    def required(self) -> bool:
        """While there is anybody with a name."""
        return self._users.required

    def use_threads(self, defer_to_thread: DeferToThread) -> None:
        """Check hashes with this."""
        self._users.use_threads(defer_to_thread)

    def use_server(self, server: IServerAccess) -> None:
        """Its users are those to ask for."""
        self._users.use_server(server)

    def stop(self) -> None:
        """Nothing to end."""

    def authenticate(self, attempt: ConnectionAttempt) -> Outcome:
        """The user its certificate names; ``None`` if there are no users at all.

        :raises pubsub.errors.AuthenticationFailed: it has none, or one that names nobody who
            may come this way, or the user has a password and CONNECT another.
        """
        if not self._users.required:
            return None
        if not attempt.tls_certificate:
            raise AuthenticationFailed("a certificate is required")
        user = self._find(attempt)
        shown = attempt.connect.get("user", "")
        if shown:
            self._log.warn(
                "{peer} - CONNECT names {user!r}; the user is whom the certificate names",
                peer=attempt.peer,
                user=shown,
            )
        return self._users.check(user, attempt)

    def _find(self, attempt: ConnectionAttempt) -> UserOptions:
        # not at the top: listing the plugins must not load what only this needs
        from pubsub.auth.certnames import read_names

        names = read_names(attempt.tls_certificate)
        for name in names.alternative():
            user = self._named(name, attempt)
            if user is not None:
                return user
        user = self._by_dn(names.dn, attempt) if names.dn is not None else None
        if user is not None:
            return user
        for name in names.written():
            user = self._named(name, attempt)
            if user is not None:
                return user
        raise AuthenticationFailed(f"the certificate of {names.subject!r} names no user")

    def _named(self, name: str, attempt: ConnectionAttempt) -> UserOptions | None:
        user = self._users.list.users.by_name(name)
        return user if user is not None and _may_come(user, attempt) else None

    def _by_dn(self, dn: DN, attempt: ConnectionAttempt) -> UserOptions | None:
        reordered = None
        for user in self._users.list.users:
            if user.nkey or not _may_come(user, attempt):
                continue
            written = parse_dn(user.user)
            if written is None:
                continue
            if written == dn:
                return user
            if reordered is None and written.has_parts_of(dn):
                reordered = user
        return reordered


def _may_come(user: UserOptions, attempt: ConnectionAttempt) -> bool:
    return not user.connection_types or attempt.connection_type in user.connection_types


@implementer(IAuthenticatorPlugin)
class TlsMapPlugin:
    """Used where ``tls`` says ``verify_and_map``."""

    name = "tlsmap"
    order = 25

    def create(self, options: Any) -> TlsMapAuthenticator:
        """The authenticator of certificates.

        :raises pubsub.errors.NotConfigured: users are not taken from certificates.
        :raises pubsub.errors.InvalidOption: a password cannot be checked.
        """
        if options.tls is None or not options.tls.verify_and_map:
            raise NotConfigured("tls.verify_and_map is off")
        return TlsMapAuthenticator(options)

"""Who a leaf node is: the listener's own users, or whoever may connect as a client.

An ``authorization`` block in ``leafnodes`` that names anybody decides alone; otherwise the
server's authenticators are asked, and ``no_auth_user`` is who has no credentials (nats-server:
isLeafNodeAuthorized).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.auth.signatures import verify_nonce
from pubsub.auth.slowwork import DeferToThread, SlowWork, host_of
from pubsub.client.asking import identity_in, question, reason_of
from pubsub.errors import AuthenticationFailed, ClientFault
from pubsub.interfaces import ConnectionAttempt, IAuthenticator, Identity, PeerKind

if TYPE_CHECKING:
    from pubsub.cluster.leafs.protocol import LeafProtocol
    from pubsub.config.options import LeafNodeOptions

__all__ = ["LeafUsers", "ask", "make_leaf_users"]

#: ``decided(identity, fault)``
Decided = Callable[["Identity | None", "ClientFault | None"], None]

_log = Logger()


def make_leaf_users(
    options: LeafNodeOptions, defer_to_thread: DeferToThread, seconds: Callable[[], float]
) -> LeafUsers | None:
    """The listener's own users, ``None`` if it names nobody.

    :raises pubsub.errors.InvalidOption: a password is a hash that cannot be used.
    """
    if not (options.user or options.nkey or options.users):
        return None
    return LeafUsers(options, SlowWork(defer_to_thread, seconds))


@implementer(IAuthenticator)
class LeafUsers:
    """Knows the users of ``leafnodes { authorization }``."""

    required = True

    def __init__(self, options: LeafNodeOptions, slow_work: SlowWork) -> None:
        option = "leafnodes.authorization.password"
        self._slow_work = slow_work
        self._nkey = "" if options.user else options.nkey
        self._account = options.account
        users: dict[str, tuple[str, str]] = {}
        if options.user:
            users[options.user] = (options.password, options.account)
        elif not options.nkey:
            users = {user.user: (user.password, user.account) for user in options.users}
        # not at the top: a server without leaf nodes does not load what this needs
        from pubsub.auth.passwords import Secret

        self._users = {
            name: (Secret(password, option), account) for name, (password, account) in users.items()
        }
        #: for names nobody has: they take as long
        self._decoy = next((secret for secret, _ in self._users.values()), None)

    def authenticate(
        self, attempt: ConnectionAttempt
    ) -> Identity | Deferred[Identity | None] | None:
        """Who it is.

        :raises AuthenticationFailed: nobody here.
        """
        connect = attempt.connect
        if self._nkey:
            if connect.get("nkey", "") != self._nkey:
                raise AuthenticationFailed("another nkey, or none")
            verify_nonce(self._nkey, attempt.nonce, connect.get("sig", ""))
            return Identity(self._nkey, self._account, nkey=self._nkey)
        name, password = connect.get("user", ""), connect.get("pass", "")
        known = self._users.get(name)
        secret, account = known if known is not None else (self._decoy, "")
        assert secret is not None
        if not secret.slow:
            return _decide(secret.matches(password) and known is not None, name, account)
        checking = secret.matches_later(password, self._slow_work.of(host_of(attempt)))
        return checking.addCallback(
            lambda right: _decide(right and known is not None, name, account)
        )


def _decide(right: bool, name: str, account: str) -> Identity:
    if not right:
        raise AuthenticationFailed("unknown user or wrong password")
    return Identity(name, account)


def ask(leaf: LeafProtocol, decided: Decided) -> Deferred[Any] | None:
    """Call ``decided``, now or later; what to cancel if it takes time."""
    try:
        outcome = _question(leaf)
    except Exception:  # noqa: BLE001 - third-party code must not take the server down
        decided(None, reason_of(Failure(), leaf))
        return None
    if not isinstance(outcome, Deferred):
        decided(identity_in(outcome, leaf), None)
        return None
    outcome.addCallbacks(
        lambda answer: decided(identity_in(answer, leaf), None),
        lambda failure: decided(None, reason_of(failure, leaf)),
    )
    outcome.addErrback(_broken, leaf)
    return outcome


def _question(leaf: LeafProtocol) -> Any:
    attempt, context = _attempt_of(leaf), leaf.context
    if context.authenticator is not None:
        return context.authenticator.authenticate(attempt)
    return question(context.client, attempt)


def _attempt_of(leaf: LeafProtocol) -> ConnectionAttempt:
    certificates = leaf.tls.peer_certificates
    return ConnectionAttempt(
        connect=leaf.connect.fields(),
        peer=leaf.address(),
        kind=PeerKind.LEAF,
        connection_type="LEAFNODE",
        nonce=leaf.nonce.encode("ascii", "replace"),
        tls_certificate=certificates[0].der if certificates else b"",
        tls_chain=tuple(certificate.der for certificate in certificates),
        tls_version=leaf.tls.version,
        tls_cipher=leaf.tls.cipher_suite,
        host=leaf.host,
        cid=leaf.cid,
        start=leaf.start,
    )


def _broken(failure: Failure, leaf: LeafProtocol) -> None:
    """What follows the answer failed: our fault, but only this link pays."""
    _log.failure("{peer} - CONNECT failed", failure=failure, peer=leaf.label())
    leaf.give_up()

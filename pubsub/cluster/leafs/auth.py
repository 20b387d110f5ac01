"""Who a leaf node is: the listener's own users, or whoever may connect as a client.

An ``authorization`` block in ``leafnodes`` that names anybody decides alone; otherwise the
server's authenticators are asked, and ``no_auth_user`` is who has no credentials (nats-server:
isLeafNodeAuthorized). Of the listener's users each may ask for a trusted proxy, and with
``verify_and_map`` the user is whom the certificate names; what its password is CONNECT has to say
all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.auth.proxies import TrustedProxies, require_proxy
from pubsub.auth.signatures import verify_nonce
from pubsub.auth.slowwork import DeferToThread, SlowWork, host_of
from pubsub.client.asking import identity_in, question, reason_of
from pubsub.config.options import LeafUserOptions
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
    options: LeafNodeOptions,
    defer_to_thread: DeferToThread,
    seconds: Callable[[], float],
    proxies: Iterable[str] = (),
) -> LeafUsers | None:
    """The listener's own users, ``None`` if it names nobody.

    :param proxies: the public keys of those that may vouch for leaf nodes.
    :raises pubsub.errors.InvalidOption: a password is a hash that cannot be used.
    """
    if not (options.user or options.nkey or options.users):
        return None
    return LeafUsers(options, SlowWork(defer_to_thread, seconds), TrustedProxies(proxies))


@implementer(IAuthenticator)
class LeafUsers:
    """Knows the users of ``leafnodes { authorization }``."""

    required = True

    def __init__(
        self, options: LeafNodeOptions, slow_work: SlowWork, proxies: TrustedProxies
    ) -> None:
        option = "leafnodes.authorization.password"
        self._slow_work = slow_work
        self._proxies = proxies
        self._proxy_required = options.proxy_required
        self._nkey = "" if options.user else options.nkey
        self._account = options.account
        listed: tuple[LeafUserOptions, ...] = ()
        if options.user:
            listed = (LeafUserOptions(options.user, options.password, options.account),)
        elif not options.nkey:
            listed = options.users
        # as nats-server, which maps to users of a list only
        tls = options.tls
        self._mapped = bool(options.users) and tls is not None and tls.verify_and_map
        # not at the top: a server without leaf nodes does not load what this needs
        from pubsub.auth.passwords import Secret

        self._users = {user.user: (Secret(user.password, option), user) for user in listed}
        #: for names nobody has: they take as long
        self._decoy = next(iter(self._users.values()), None)

    def authenticate(
        self, attempt: ConnectionAttempt
    ) -> Identity | Deferred[Identity | None] | None:
        """Who it is.

        :raises AuthenticationFailed: nobody here, or not without a trusted proxy.
        """
        attempt = self._proxies.checked(attempt)
        connect = attempt.connect
        if self._nkey:
            if self._proxy_required:
                require_proxy(attempt)
            if connect.get("nkey", "") != self._nkey:
                raise AuthenticationFailed("another nkey, or none")
            verify_nonce(self._nkey, attempt.nonce, connect.get("sig", ""))
            return Identity(self._nkey, self._account, nkey=self._nkey, proxy_key=attempt.proxy_key)
        name = self._named_by(attempt) if self._mapped else connect.get("user", "")
        known = self._users.get(name)
        found = known or self._decoy
        assert found is not None
        secret, user = found
        if known is not None and (self._proxy_required or user.proxy_required):
            require_proxy(attempt)
        password = connect.get("pass", "")

        def decide(right: bool) -> Identity:
            if not right or known is None:
                raise AuthenticationFailed("unknown user or wrong password")
            return Identity(name, user.account, proxy_key=attempt.proxy_key)

        if not secret.slow:
            return decide(secret.matches(password))
        checking = secret.matches_later(password, self._slow_work.of(host_of(attempt)))
        return checking.addCallback(decide)

    def _named_by(self, attempt: ConnectionAttempt) -> str:
        """The user whom the certificate names.

        :raises AuthenticationFailed: there is none, or no certificate.
        """
        if not attempt.tls_certificate:
            raise AuthenticationFailed("a certificate is required")
        # certificates are only read where somebody maps them
        from pubsub.auth.certnames import read_names

        names = read_names(attempt.tls_certificate)
        for name in (*names.alternative(), *names.written()):
            if name in self._users:
                return name
        raise AuthenticationFailed(f"the certificate of {names.subject!r} names no user")


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

"""Auth callout: a service of yours, connected as a client, decides who may connect (ADR-26).

Theory of operation. This authenticator is the first in the chain and is given the rest of it.

1. The others are asked. Users of the callout's own service (``auth_users``), and of accounts
   that are not delegated to it, are what the others say.
2. About everybody else the service is asked: a signed request on ``$SYS.REQ.USER.AUTH`` in
   its account, with a public key made up for this question; sealed if there is an xkey.
3. The answer is looked at (:mod:`pubsub.auth.callout_answer`). The first one counts; nobody
   listening, silence and nonsense all refuse.

In operator mode the account of the client's JWT says that it has such a service, else the
configuration does. Nobody in the service's account may publish requests, whatever its
permissions. (nats-server: ``processClientOrLeafAuthentication``, ``auth_callout.go``.)
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.auth import callout_answer
from pubsub.auth.callout_answer import Callout
from pubsub.auth.callout_request import raw_user, request_claims
from pubsub.auth.jwt.account_claims import AccountClaims
from pubsub.auth.jwt.claims import UserClaims
from pubsub.auth.jwt.codec import encode
from pubsub.auth.jwt.keys import encode_public
from pubsub.auth.proxies import require_proxy
from pubsub.errors import (
    AuthenticationFailed,
    CredentialsError,
    NotConfigured,
    RequestTimeout,
    UserRefused,
)
from pubsub.interfaces import (
    GLOBAL_ACCOUNT,
    ConnectionAttempt,
    IAuthenticatorPlugin,
    Identity,
    IServerAccess,
    IServerAuthenticator,
    IServerIdentity,
    PeerKind,
    Permissions,
)
from pubsub.router.internal import InternalClient, InternalMessage
from pubsub.values.accounts import AccountOptions
from pubsub.values.strkey import KeyKind
from pubsub.wire.headers import build_headers

__all__ = ["AUTH_SUBJECT", "CalloutAuthenticator", "CalloutPlugin"]

#: where services listen
AUTH_SUBJECT = "$SYS.REQ.USER.AUTH"
#: the header that names the curve key of the server that sealed a request
XKEY_HEADER = b"Nats-Server-Xkey"

#: how a JWT begins, and nothing that is sealed
_JWT = b"eyJ"
_KEY_BYTES = 32
#: Seconds between two lines about refusals: a flood of clients must not become one of lines.
_SAY_AGAIN = 1.0

_Answer = Identity | None
_Rest = Callable[[ConnectionAttempt], "_Answer | Deferred[_Answer]"]


class _Signer:
    """The server, as what signs tokens."""

    def __init__(self, identity: IServerIdentity) -> None:
        self.public_key: str = identity.server_id
        self.sign = identity.sign


@implementer(IServerAuthenticator)
class CalloutAuthenticator:
    """Asks a service, or lets the rest of the chain decide.

    :param options: :class:`pubsub.config.options.Options`.
    :param wall: epoch seconds.
    """

    required = True
    needs_nonce = True

    _log = Logger()

    def __init__(self, options: Any, wall: Callable[[], float] = time.time) -> None:
        self._configured = _configured(options)
        self._timeout: float = options.authorization.timeout
        tls = options.tls
        self._verified = tls is not None and (tls.verify or tls.verify_and_map)
        self._wall = wall
        self._clients: dict[str, InternalClient] = {}
        self._waiting = 0
        self._stopped = False
        self._said: float | None = None
        self._server: IServerAccess
        self._rest: _Rest

    def use_rest(self, rest: _Rest) -> None:
        """The authenticators that come after this one."""
        self._rest = rest

    def use_server(self, server: IServerAccess) -> None:
        """Begin.

        :raises pubsub.errors.CredentialsError: it cannot sign here.
        """
        server.identity.sign(b"")
        self._server = server

    def stop(self) -> None:
        """Ask nobody any more. Questions that are on their way still get their answer."""
        self._stopped = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._stopped and not self._waiting:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def authenticate(self, attempt: ConnectionAttempt) -> Identity | Deferred[_Answer]:
        """Who the peer is.

        :raises pubsub.errors.AuthenticationFailed: it may not come.
        """
        try:
            outcome = self._rest(attempt)
        except AuthenticationFailed as error:
            return self._judge(error, attempt)
        if not isinstance(outcome, Deferred):
            return self._judge(outcome, attempt)
        return outcome.addCallbacks(
            self._judge, self._refused, callbackArgs=(attempt,), errbackArgs=(attempt,)
        )

    def _refused(
        self, failure: Failure, attempt: ConnectionAttempt
    ) -> Identity | Deferred[_Answer] | Failure:
        if isinstance(failure.value, AuthenticationFailed):
            return self._judge(failure.value, attempt)
        return failure

    def _judge(
        self, said: Identity | AuthenticationFailed | None, attempt: ConnectionAttempt
    ) -> Identity | Deferred[_Answer]:
        """Let stand what the others said, or ask."""
        callout = self._callout(said, attempt)
        if callout is not None and _user_id(said, attempt, callout) not in callout.auth_users:
            return self._ask(callout, attempt, said)
        if isinstance(said, AuthenticationFailed):
            raise said
        if said is None:
            raise AuthenticationFailed("nobody knows these credentials")
        return self._protected(said, callout.account if callout is not None else "")

    def _callout(
        self, said: Identity | AuthenticationFailed | None, attempt: ConnectionAttempt
    ) -> Callout | None:
        """The service that decides about this client."""
        if self._configured is None:
            return self._callout_of_account(said)
        account = said.account if isinstance(said, Identity) else GLOBAL_ACCOUNT
        delegated = self._configured.allowed_accounts
        if attempt.kind is PeerKind.LEAF or account == GLOBAL_ACCOUNT or not delegated:
            return self._configured
        return self._configured if account in delegated else None

    def _callout_of_account(self, said: Identity | AuthenticationFailed | None) -> Callout | None:
        name = said.account if isinstance(said, Identity | UserRefused) else ""
        account = self._server.accounts.find(name) if name else None
        claims = account.claims if account is not None else None
        if not isinstance(claims, AccountClaims) or not claims.authorization.auth_users:
            return None
        its = claims.authorization
        return Callout(name, name, its.auth_users, its.allowed_accounts, its.xkey, claims)

    def _protected(self, identity: Identity, account: str) -> Identity:
        """The same, but requests in the service's account are the server's alone."""
        if identity.account != account:
            return identity
        own = identity.permissions
        if own is None:
            options = self._server.accounts.find(account)
            own = options.default_permissions if options is not None else None
        own = own or Permissions()
        return replace(
            identity, permissions=replace(own, publish_deny=(*own.publish_deny, AUTH_SUBJECT))
        )

    # asking

    def _ask(
        self,
        callout: Callout,
        attempt: ConnectionAttempt,
        said: Identity | AuthenticationFailed | None,
    ) -> Deferred[_Answer]:
        if self._stopped:
            raise AuthenticationFailed("auth callout: the server stops, or was reloaded")
        known = _known_user(said) if callout.claims is not None else ""
        user_nkey = encode_public(KeyKind.USER, secrets.token_bytes(_KEY_BYTES))
        self._waiting += 1
        answer = maybeDeferred(self._request, callout, attempt, user_nkey, known)

        def decide(message: InternalMessage) -> Deferred[_Answer]:
            return self._decide(message, callout, attempt, user_nkey, known)

        return answer.addBoth(self._answered).addCallback(decide).addErrback(self._failed)

    def _answered(self, answer: InternalMessage | Failure) -> InternalMessage | Failure:
        self._waiting -= 1
        self._close_if_done()
        return answer

    def _request(
        self, callout: Callout, attempt: ConnectionAttempt, user_nkey: str, known: str
    ) -> Deferred[InternalMessage]:
        """Send the question; fires with the first answer."""
        keys: IServerIdentity = self._server.identity
        claims = request_claims(
            attempt,
            server=self._server.server_info(),
            subject=callout.issuer,
            user_nkey=user_nkey,
            expires=self._wall() + self._timeout,
            known=known,
            xkey=keys.xkey if callout.xkey else "",
            verified=self._verified,
        )
        payload = encode(claims, _Signer(keys), self._wall()).encode("ascii")
        headers = b""
        if callout.xkey:
            payload = keys.seal(payload, callout.xkey)
            headers = build_headers([(XKEY_HEADER, keys.xkey.encode("ascii"))])
        client = self._client(callout.account)
        return client.request(AUTH_SUBJECT.encode("ascii"), payload, self._timeout, headers)

    def _client(self, account: str) -> InternalClient:
        if account not in self._clients:
            self._clients[account] = self._server.internal_client(account)
        return self._clients[account]

    def _decide(
        self,
        message: InternalMessage,
        callout: Callout,
        attempt: ConnectionAttempt,
        user_nkey: str,
        known: str,
    ) -> Deferred[_Answer]:
        user = self._user(message, callout, user_nkey)
        if user.limits.proxy_required:
            require_proxy(attempt)
        name = callout_answer.issuing_account(user, callout)

        def found(account: AccountOptions | None) -> Identity:
            if account is None:
                raise CredentialsError(f"no valid account {name!r} for auth callout response")
            who = raw_user(attempt.connect, known)
            identity = callout_answer.identity(user, account, callout, attempt, who, self._wall())
            return self._protected(identity, callout.account)

        return self._account(name, callout).addCallback(found)

    def _user(self, message: InternalMessage, callout: Callout, user_nkey: str) -> UserClaims:
        payload = message.payload
        if not payload:
            raise AuthenticationFailed("auth callout violation: no reason supplied")
        encrypted = bool(callout.xkey) and not payload.startswith(_JWT)
        if encrypted:
            payload = self._server.identity.open(payload, callout.xkey)
        return callout_answer.user_of(
            payload,
            callout,
            user_nkey=user_nkey,
            server_id=self._server.server_id,
            encrypted=encrypted,
            now=self._wall(),
        )

    def _account(self, name: str, callout: Callout) -> Deferred[AccountOptions | None]:
        """The account of that name; that of a JWT may have to be fetched."""
        accounts = self._server.accounts
        account: AccountOptions | None = accounts.find(name)
        if account is None and callout.claims is not None and accounts.missing is not None:
            fetched: Deferred[AccountOptions | None] = accounts.missing(name)
            return fetched
        return succeed(account)

    def _failed(self, failure: Failure) -> Failure:
        """Refuse, and tell the operator why, but not for each client of a flood."""
        if failure.check(AuthenticationFailed, CredentialsError, RequestTimeout) is None:
            return failure
        reason = f"auth callout: {failure.getErrorMessage()}"
        now = self._server.clock.seconds()
        if self._said is None or now - self._said >= _SAY_AGAIN:
            self._said = now
            self._log.warn("{reason}", reason=reason)
        if isinstance(failure.value, AuthenticationFailed):
            return Failure(AuthenticationFailed(reason, failure.value.fault))
        return Failure(AuthenticationFailed(reason))


def _configured(options: Any) -> Callout | None:
    callout = options.authorization.auth_callout
    if callout is None:
        return None
    return Callout(
        callout.account, callout.issuer, callout.auth_users, callout.allowed_accounts, callout.xkey
    )


def _known_user(said: Identity | AuthenticationFailed | None) -> str:
    """The public key of the user whose JWT was shown."""
    if isinstance(said, Identity):
        return said.nkey or said.user
    return said.user if isinstance(said, UserRefused) else ""


def _user_id(
    said: Identity | AuthenticationFailed | None, attempt: ConnectionAttempt, callout: Callout
) -> str:
    """What to look for among ``auth_users``.

    Who it turned out to be; who it claims to be only if that was refused, for then it stays
    refused.
    """
    if callout.claims is not None or isinstance(said, Identity):
        return _known_user(said)
    return raw_user(attempt.connect)


@implementer(IAuthenticatorPlugin)
class CalloutPlugin:
    """Used with ``authorization { auth_callout }``, and in operator mode."""

    name = "callout"
    order = 5

    def create(self, options: Any) -> CalloutAuthenticator:
        """The authenticator that asks the service.

        :raises pubsub.errors.NotConfigured: neither is configured.
        """
        operator_mode = options.operator or options.trusted_keys
        if options.authorization.auth_callout is None and not operator_mode:
            raise NotConfigured("no auth_callout is configured")
        return CalloutAuthenticator(options)

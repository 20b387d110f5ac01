"""Account JWTs from a web server (``resolver: URL(https://…/accounts/)``).

(nats-server: ``URLAccResolver``.) The answer is bounded in time and in size: a server that
hangs, or sends without end, costs one client its login and nobody else anything.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pubsub.auth.jwt.codec import MAX_TOKEN_SIZE
from pubsub.auth.jwt.requests import UpdateRequests
from pubsub.errors import CredentialsError, InvalidOption
from pubsub.interfaces import IAccountResolver, IServerAccess

if TYPE_CHECKING:
    from twisted.web.client import HTTPConnectionPool
    from twisted.web.iweb import IAgent, IResponse

    from pubsub.config.options import TlsOptions

__all__ = ["UrlResolver"]

_OK = 200
#: answers that send elsewhere, one after the other
_REDIRECTS = 10


@implementer(IAccountResolver)
class UrlResolver:
    """Asks for ``<url><public key>``.

    :param url: with or without a final slash; user and password are sent, and never logged.
    :param timeout: seconds for the whole answer.
    :param tls: own certificate and trusted authorities for ``https``.
    :param agent: in place of one that connects.
    :raises pubsub.errors.InvalidOption: it is no such URL.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 1.9,
        tls: TlsOptions | None = None,
        agent: IAgent | None = None,
    ) -> None:
        self._headers: dict[str, list[str]] = {}
        self._url = self._without_user(url if url.endswith("/") else f"{url}/")
        self._timeout = timeout
        self._tls = tls
        self._agent = agent
        self._clock: Any = None
        self._pool: HTTPConnectionPool | None = None
        self._requests: UpdateRequests | None = None

    def _without_user(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            right = parts.scheme in ("http", "https") and bool(parts.hostname)
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            right = False
        if not right:
            raise InvalidOption("resolver: the URL is not one of http or https")
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            encoded = base64.b64encode(pair.encode("utf-8")).decode("ascii")
            self._headers["Authorization"] = [f"Basic {encoded}"]
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return urlunsplit((parts.scheme, f"{host}{port}", parts.path, parts.query, ""))

    def start(self, server: IServerAccess, book: Any) -> None:
        """Hear of updates of accounts in use."""
        self._clock = server.clock
        if self._agent is None:
            self._pool, self._agent = _agent(server.clock, self._timeout, self._tls)
        self._requests = UpdateRequests(server, book)

    def fetch(self, account: str) -> Deferred[str]:
        """Ask the web server."""
        from twisted.web.http_headers import Headers

        assert self._agent is not None, "not started"
        url = f"{self._url}{account}"
        asked = self._agent.request(
            b"GET", url.encode("utf-8"), Headers(self._headers) if self._headers else None
        )
        token: Deferred[str] = asked.addCallback(_read)
        token.addTimeout(self._timeout, self._clock)
        return token.addErrback(_explain, url)

    def stop(self) -> None:
        """Hear of no more updates, and keep no connection."""
        if self._requests is not None:
            self._requests.close()
        if self._pool is not None:
            self._pool.closeCachedConnections()


def _agent(
    reactor: Any, timeout: float, tls: TlsOptions | None
) -> tuple[HTTPConnectionPool, IAgent]:
    from twisted.web.client import Agent, HTTPConnectionPool, RedirectAgent

    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = 2
    arguments = {"connectTimeout": timeout, "pool": pool}
    if tls is not None:
        arguments["contextFactory"] = _policy(tls)
    return pool, RedirectAgent(Agent(reactor, **arguments), _REDIRECTS)


def _policy(tls: TlsOptions) -> Any:
    """Trust ``ca_file``, and show ``cert_file``."""
    from twisted.internet import ssl
    from twisted.web.iweb import IPolicyForHTTPS

    trust = None
    if tls.ca_file:
        with open(tls.ca_file, "rb") as file:
            pem = file.read()
        authorities = [
            ssl.Certificate.loadPEM(part + _END) for part in pem.split(_END) if _BEGIN in part
        ]
        trust = ssl.trustRootFromCertificates(authorities)
    own = None
    if tls.cert_file:
        with open(tls.cert_file, "rb") as cert, open(tls.key_file or tls.cert_file, "rb") as key:
            own = ssl.PrivateCertificate.loadPEM(cert.read() + b"\n" + key.read())

    @implementer(IPolicyForHTTPS)
    class Policy:
        def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
            return ssl.optionsForClientTLS(
                hostname.decode("ascii"), trustRoot=trust, clientCertificate=own
            )

    return Policy()


_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----\n"


class _Body(Protocol):
    """Collects an answer, up to the size of the largest token."""

    def __init__(self, done: Deferred[str]) -> None:
        self._done: Deferred[str] | None = done
        self._parts: list[bytes] = []
        self._size = 0
        self._refused: CredentialsError | None = None

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        self._parts.append(data)
        if self._size > MAX_TOKEN_SIZE:
            self._parts.clear()
            self._end(Failure(CredentialsError("the answer is too long")))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        from twisted.web.client import ResponseDone
        from twisted.web.http import PotentialDataLoss

        if reason.check(ResponseDone, PotentialDataLoss) is None:
            self._end(Failure(CredentialsError("the answer ended early")))
        else:
            self._end(b"".join(self._parts).decode("utf-8", "replace").strip())

    def refuse(self, error: CredentialsError) -> None:
        """The answer is an error, whatever it holds."""
        self._refused = error

    def connectionMade(self) -> None:
        """What is refused is not read."""
        if self._refused is not None:
            self._end(Failure(self._refused))

    def forget(self) -> None:
        """Nobody waits for it any more."""
        self._done = None
        self.abort()

    def abort(self) -> None:
        """Hear no more of it."""
        transport: Any = self.transport
        end = getattr(transport, "abortConnection", None) or getattr(
            transport, "loseConnection", None
        )
        if end is not None:
            end()

    def _end(self, outcome: str | Failure) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        if isinstance(outcome, Failure):
            done.errback(outcome)
            self.abort()
        else:
            done.callback(outcome)


def _read(response: IResponse) -> Deferred[str]:
    """The body, if there is one."""

    def cancelled(_: Deferred[str]) -> None:
        body.forget()

    done: Deferred[str] = Deferred(cancelled)
    body = _Body(done)
    if response.code != _OK:
        # delivered all the same: the connection can only go when the body was taken
        body.refuse(CredentialsError(f"status {response.code}"))
    response.deliverBody(body)
    return done


def _explain(failure: Failure, url: str) -> Failure:
    """One kind of error, whatever went wrong: who waits needs no more."""
    if failure.check(CancelledError) is not None:
        return failure
    why = failure.getErrorMessage() if failure.check(CredentialsError) else ""
    if not why:
        why = getattr(failure.type, "__name__", "error")
    return Failure(CredentialsError(f"could not fetch <{url}>: {why}"))

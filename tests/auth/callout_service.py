"""An auth callout service in Python, as one would write it, and a server that asks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred

from pubsub.auth.callout import CalloutAuthenticator
from pubsub.auth.chain import AuthenticatorChain
from pubsub.auth.jwt.claims import AuthorizationRequestClaims
from pubsub.auth.jwt.codec import decode, encode
from pubsub.auth.jwt.keys import KeyPair
from pubsub.config.options import AuthorizationOptions, CalloutOptions, Options
from pubsub.errors import AuthenticationFailed
from pubsub.interfaces import ConnectionAttempt, Identity
from pubsub.router.internal import InternalMessage
from pubsub.system.identity import ServerIdentity
from pubsub.wire.headers import get_header
from tests.system.fakes import NOW, FakeServer

#: what a service does with a request: the payload of its answer, ``None`` for silence
Decision = Callable[["Request"], "bytes | None"]


@dataclass(frozen=True)
class Request:
    """A question, decoded."""

    message: InternalMessage
    claims: AuthorizationRequestClaims

    @property
    def nats(self) -> Mapping[str, Any]:
        """What it says."""
        return self.claims.request

    @property
    def server_id(self) -> str:
        return str(self.nats["server_id"]["id"])


class Service:
    """A service in one account of a server.

    :param issuer: signs users and answers.
    :param keys: its curve keys; requests are sealed.
    """

    def __init__(
        self, server: FakeServer, account: str, issuer: KeyPair, keys: ServerIdentity | None = None
    ) -> None:
        self.issuer = issuer
        self.keys = keys
        self.seal = keys is not None
        self.requests: list[Request] = []
        self.decide: Decision = self.allow
        self._client = server.internal_client(account)
        self._client.subscribe(b"$SYS.REQ.USER.AUTH", self._asked)

    def _asked(self, message: InternalMessage) -> None:
        payload = message.payload
        if self.keys is not None:
            sender = get_header(message.headers, b"Nats-Server-Xkey")
            assert sender is not None
            payload = self.keys.open(payload, sender.decode())
        claims = decode(payload)
        assert isinstance(claims, AuthorizationRequestClaims)
        request = Request(message, claims)
        self.requests.append(request)
        answer = self.decide(request)
        if answer is None:
            return
        if self.keys is not None and self.seal:
            answer = self.keys.seal(answer, request.nats["server_id"]["xkey"])
        self._client.publish(message.reply, answer)

    def send(self, request: Request, answer: bytes) -> None:
        """An answer at another time than that of the question."""
        self._client.publish(request.message.reply, answer)

    def leave(self) -> None:
        """Serve nobody any more."""
        self._client.close()

    # answers

    def user(self, request: Request, signer: KeyPair | None = None, **claims: Any) -> str:
        """The JWT of a user in account A."""
        nats = {"type": "user", **claims.pop("nats", {})}
        default = {"sub": request.claims.user_nkey, "aud": "A", "nats": nats}
        return encode({**default, **claims}, signer or self.issuer, NOW)

    def respond(self, request: Request, signer: KeyPair | None = None, **claims: Any) -> bytes:
        """An answer with a ``jwt`` or an ``error``."""
        nats = {"type": "authorization_response", **claims.pop("nats", {})}
        default = {"sub": request.claims.user_nkey, "aud": request.server_id, "nats": nats}
        return encode({**default, **claims}, signer or self.issuer, NOW).encode()

    def allow(self, request: Request) -> bytes:
        """Everybody may do everything in A."""
        return self.respond(request, nats={"jwt": self.user(request)})

    def allowing(self, **claims: Any) -> Decision:
        """Answers with such a user."""
        return lambda request: self.respond(request, nats={"jwt": self.user(request, **claims)})


class Others:
    """Stands in for the rest of the chain: some know their password."""

    required = True

    def __init__(self, **known: Identity) -> None:
        self.known = known
        self.later: list[Deferred[Any]] | None = None
        self.refusal: AuthenticationFailed | None = None

    def authenticate(self, attempt: ConnectionAttempt) -> Any:
        if self.later is not None:
            waiting: Deferred[Any] = Deferred()
            self.later.append(waiting)
            return waiting.addCallback(lambda _: self._answer(attempt))
        return self._answer(attempt)

    def _answer(self, attempt: ConnectionAttempt) -> Identity | None:
        if self.refusal is not None:
            raise self.refusal
        identity = self.known.get(attempt.connect.get("user", ""))
        if identity is not None and attempt.connect.get("pass") != "right":
            raise AuthenticationFailed("wrong password")
        return identity


@dataclass(frozen=True)
class Pending:
    """An answer that takes time."""

    deferred: Deferred[Any]
    results: list[Any]

    @property
    def result(self) -> Any:
        """The identity, or what was raised."""
        (result,) = self.results
        return getattr(result, "value", result)


class Case:
    """A server whose account AUTH has the service; accounts A and B have users."""

    def __init__(self, encrypted: bool = False, **callout: Any) -> None:
        self.server = FakeServer()
        for name in ("AUTH", "B"):
            self.server.accounts.update(replace(self.server.accounts.options["A"], name=name))
        self.issuer = KeyPair.generate("A")
        keys = ServerIdentity() if encrypted else None
        self.options = Options(
            authorization=AuthorizationOptions(
                auth_callout=CalloutOptions(
                    self.issuer.public_key, account="AUTH", auth_users=("auth",),
                    xkey=keys.xkey if keys is not None else "", **callout,
                )
            )
        )  # fmt: skip
        self.service = Service(self.server, "AUTH", self.issuer, keys)
        self.others = Others(
            auth=Identity(user="auth", account="AUTH"), ann=Identity(user="ann", account="B")
        )
        self.callout = CalloutAuthenticator(self.options, lambda: NOW)
        self.callout.use_server(self.server)
        self.chain = AuthenticatorChain(
            [("callout", self.callout), ("others", self.others)], self.server.clock, 2.0
        )

    def ask(self, attempt: ConnectionAttempt | None = None, **connect: Any) -> Any:
        """The identity, or what was raised."""
        results: list[Any] = []
        try:
            outcome = self.chain.authenticate(attempt or attempt_of(**connect))
        except AuthenticationFailed as error:
            return error
        if not isinstance(outcome, Deferred):
            return outcome
        outcome.addBoth(results.append)
        if not results:
            return Pending(outcome, results)
        return getattr(results[0], "value", results[0])

    def refusal(self, **connect: Any) -> str:
        """Why somebody may not come."""
        error = self.ask(**connect)
        assert isinstance(error, AuthenticationFailed)
        return str(error)


def attempt_of(**connect: Any) -> ConnectionAttempt:
    """Somebody who connects."""
    return ConnectionAttempt(
        {"user": "eve", "pass": "secret", "protocol": 1, "lang": "python", **connect},
        "192.0.2.1:5", host="192.0.2.1", cid=7, nonce=b"nonce", start=NOW,
    )  # fmt: skip

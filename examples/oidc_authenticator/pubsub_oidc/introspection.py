"""Asking an OAuth 2 server about a token (RFC 7662)."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone

from pubsub_oidc.cache import Cache
from pubsub_oidc.settings import Settings

__all__ = ["Introspection", "IntrospectionError"]

#: bytes; an answer of this size is none
_MAX_ANSWER = 64 * 1024

#: what is known about a token; ``None``: it is not active
Claims = Mapping[str, Any] | None


class IntrospectionError(Exception):
    """The endpoint does not answer as it should. The text never holds a token."""


class Introspection:
    """The questions and answers of one server.

    A token is asked about once, however many clients show it at the same time, and its
    answer is kept for a while. The tokens themselves are not kept, only their hashes.

    :param post: ``treq.post``, or that of a client of your own.
    :param clock: limits the time of answers and how long they are kept.
    :param wall: epoch seconds, for ``exp``.
    """

    def __init__(
        self,
        settings: Settings,
        post: Callable[..., Deferred[Any]],
        clock: IReactorTime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._post = post
        self._clock = clock
        self._wall = wall
        self._cache: Cache[Claims] = Cache(settings.cache_size, clock.seconds)
        self._asking: dict[bytes, list[Deferred[Claims]]] = {}

    def claims(self, token: str) -> Deferred[Claims]:
        """What the endpoint says about ``token``.

        Fails with :class:`IntrospectionError` if it does not answer, or not as it should.
        """
        key = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._cache.get(key)
        if known is not None:
            return succeed(known[0])
        waiting = self._asking.get(key)
        if waiting is None and len(self._asking) >= self._settings.max_requests:
            return fail(IntrospectionError("too many questions wait for an answer"))
        # Whoever waits may give up; the others, and the cache, still get the answer.
        result: Deferred[Claims] = Deferred()
        if waiting is not None:
            waiting.append(result)
            return result
        self._asking[key] = [result]
        asked = self._ask(token).addTimeout(self._settings.timeout, self._clock, _too_late)
        asked.addCallback(self._keep, key).addBoth(self._answer, key)
        return result

    def _ask(self, token: str) -> Deferred[Claims]:
        asked = self._post(
            self._settings.url,
            data={"token": token, "token_type_hint": "access_token"},
            auth=(self._settings.client_id, self._settings.client_secret),
            headers={"Accept": ["application/json"]},
            # a redirect would carry the token, and our secret, to somebody else
            allow_redirects=False,
            unbuffered=True,
        )
        return asked.addCallback(_body).addCallbacks(_claims, _unreachable)

    def _keep(self, claims: Claims, key: bytes) -> Claims:
        ttl = self._settings.refusal_ttl
        if claims is not None:
            ttl = self._settings.cache_ttl
            expires = claims.get("exp")
            if isinstance(expires, int | float):
                ttl = min(ttl, expires - self._wall())
        self._cache.put(key, claims, ttl)
        return claims

    def _answer(self, outcome: Claims | Failure, key: bytes) -> None:
        for waiting in self._asking.pop(key):
            if not waiting.called:
                waiting.callback(outcome)


class _Body(Protocol):
    """Collects an answer that is not too long."""

    def __init__(self) -> None:
        self._received = bytearray()
        self.done: Deferred[bytes] = Deferred(lambda _: self._abort())

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > _MAX_ANSWER and not self.done.called:
            self.done.errback(IntrospectionError("the answer is too long"))
            self._abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if reason.check(ResponseDone):
            self.done.callback(bytes(self._received))
        else:
            self.done.errback(IntrospectionError("the answer was cut off"))

    def _abort(self) -> None:
        transport = self.transport
        abort = getattr(transport, "abortConnection", None) or getattr(
            transport, "loseConnection", None
        )
        if abort is not None:
            abort()


def _body(response: Any) -> Deferred[bytes]:
    body = _Body()
    response.deliverBody(body)
    if response.code != 200:
        # its text is not ours to show, but the connection can be used again once it is read
        return body.done.addCallback(
            lambda _: fail(IntrospectionError(f"the endpoint answered {response.code}"))
        )
    return body.done


def _claims(body: bytes) -> Claims:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise IntrospectionError("the answer is not JSON") from error
    if not isinstance(answer, dict) or not isinstance(answer.get("active"), bool):
        raise IntrospectionError("the answer does not say whether the token is active")
    return answer if answer["active"] else None


def _unreachable(failure: Failure) -> Failure:
    if failure.check(IntrospectionError):
        return failure
    # not its text: it may quote what was sent
    return Failure(IntrospectionError(f"the endpoint cannot be asked: {failure.type.__name__}"))


def _too_late(outcome: Any, seconds: float) -> None:
    raise IntrospectionError(f"the endpoint did not answer within {seconds:g} seconds")

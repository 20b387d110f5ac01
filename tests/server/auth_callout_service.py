"""An auth callout service of few words, connected to the server it decides for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.server.auth_nsc import CurveKey, Key, read_token, token

__all__ = ["CalloutService", "Decide"]

#: the claims of the user to be, or why not, or ``None`` for silence
Decide = Callable[[Mapping[str, Any]], "dict[str, Any] | str | None"]

_MESSAGE = re.compile(rb"(H?)MSG \S+ 1 (\S+) (?:(\d+) )?(\d+)\r\n")


class CalloutService(Protocol):
    """Answers what the server asks.

    :param issuer: signs users and answers.
    :param curve: opens what is sealed for it; without it requests are plain.
    :ivar ready: fires when it listens.
    :ivar asked: the requests, decoded.
    """

    transport: Any

    def __init__(
        self, login: Mapping[str, Any], issuer: Key, decide: Decide, curve: CurveKey | None = None
    ) -> None:
        self.ready: Deferred[None] = Deferred()
        self.asked: list[Mapping[str, Any]] = []
        self._login = login
        self._issuer = issuer
        self._decide = decide
        self._curve = curve
        self._received = b""

    def connectionMade(self) -> None:
        """Log in and listen."""
        fields = json.dumps({"verbose": False, "headers": True, **self._login}).encode()
        self.transport.write(b"CONNECT " + fields + b"\r\nSUB $SYS.REQ.USER.AUTH 1\r\nPING\r\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has no more to do."""
        if not self.ready.called:
            self.ready.errback(AssertionError(f"the service was refused: {self._received!r}"))

    def dataReceived(self, data: bytes) -> None:
        """Answer whole messages."""
        self._received += data
        while b"\r\n" in self._received:
            found = _MESSAGE.match(self._received)
            if found is None:
                line, _, self._received = self._received.partition(b"\r\n")
                if line == b"PONG":
                    self.ready.callback(None)
                elif line.startswith(b"-ERR"):
                    raise AssertionError(line)
                continue
            end = found.end() + int(found[4])
            if len(self._received) < end + 2:
                return
            message = self._received[found.end() : end]
            self._received = self._received[end + 2 :]
            self._answer(found[2], message[: int(found[3] or 0)], message[int(found[3] or 0) :])

    def _answer(self, reply: bytes, headers: bytes, payload: bytes) -> None:
        if self._curve is not None:
            sender = re.search(rb"Nats-Server-Xkey: (\S+)", headers)
            assert sender is not None, headers
            payload = self._curve.open(payload, sender[1].decode())
        claims = read_token(payload.decode())
        request = claims["nats"]
        self.asked.append(request)
        decision = self._decide(request["connect_opts"])
        if decision is None:
            return
        nats: dict[str, Any] = {"type": "authorization_response", "version": 2}
        if isinstance(decision, str):
            nats["error"] = decision
        else:
            nats["jwt"] = self._user(request["user_nkey"], **decision)
        about = {"sub": request["user_nkey"], "aud": request["server_id"]["id"]}
        answer = token({**about, "nats": nats}, self._issuer).encode()
        if self._curve is not None:
            answer = self._curve.seal(answer, request["server_id"]["xkey"])
        self.transport.write(b"PUB %b %d\r\n%b\r\n" % (reply, len(answer), answer))

    def _user(self, key: str, signer: Key | None = None, **claims: Any) -> str:
        limits = {"subs": -1, "data": -1, "payload": -1}
        nats = {"type": "user", "version": 2, **limits, **claims.pop("nats", {})}
        return token({"sub": key, "aud": "APP", **claims, "nats": nats}, signer or self._issuer)

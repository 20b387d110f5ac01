"""Operators, accounts and users as ``nsc`` makes them, and a server for them to come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from zope.interface import implementer

from pubsub.accounts.registry import Accounts
from pubsub.accounts.users import Users
from pubsub.auth.jwt.codec import encode
from pubsub.auth.jwt.keys import KeyPair
from pubsub.errors import ClientFault
from pubsub.interfaces import ConnectionAttempt, Identity, IServerAccess, RouterSettings
from pubsub.router.internal import InternalClient
from pubsub.router.python.backend import PythonBackend

#: epoch seconds: the present of these tests
NOW = 1_800_000_000.0
NONCE = b"AAECAwQFBgcICQo"

UNLIMITED = {
    "subs": -1,
    "data": -1,
    "payload": -1,
    "imports": -1,
    "exports": -1,
    "wildcards": True,
    "conn": -1,
    "leaf": -1,
}


class World:
    """One operator, its system account, and whatever a test adds.

    :param strict: the operator insists on signing keys.
    :param now: epoch seconds.
    :param of: another world, whose operator is this one's, too.
    """

    def __init__(self, strict: bool = False, now: float = NOW, of: World | None = None) -> None:
        self.operator = of.operator if of else KeyPair.generate("O")
        self.operator_key = of.operator_key if of else KeyPair.generate("O")
        self.system = of.system if of else KeyPair.generate("A")
        self.strict = of.strict if of else strict
        self.now = of.now if of else now
        self.account = KeyPair.generate("A")
        self.user = KeyPair.generate("U")

    def operator_jwt(self, **nats: Any) -> str:
        """Signed by itself."""
        return encode(
            {
                "sub": self.operator.public_key,
                "name": "O",
                "nats": {
                    "type": "operator",
                    "signing_keys": [self.operator_key.public_key],
                    "system_account": self.system.public_key,
                    "strict_signing_key_usage": self.strict,
                    **nats,
                },
            },
            self.operator,
            self.now - 1000,
        )

    def account_jwt(
        self,
        account: KeyPair | None = None,
        signer: KeyPair | None = None,
        name: str = "A",
        issued: float | None = None,
        limits: Mapping[str, Any] = UNLIMITED,
        claims: Mapping[str, Any] | None = None,
        **nats: Any,
    ) -> str:
        """Signed by the operator, by its signing key if it is strict."""
        key = account or self.account
        return encode(
            {
                "sub": key.public_key,
                "name": name,
                **(claims or {}),
                "nats": {"type": "account", "limits": {**limits}, **nats},
            },
            signer or (self.operator_key if self.strict else self.operator),
            self.now - 500 if issued is None else issued,
        )

    def user_jwt(
        self,
        user: KeyPair | None = None,
        signer: KeyPair | None = None,
        name: str = "U",
        issued: float | None = None,
        scoped: bool = False,
        claims: Mapping[str, Any] | None = None,
        **nats: Any,
    ) -> str:
        """Signed by the account, or by a signing key of it."""
        if signer is not None:
            nats.setdefault("issuer_account", self.account.public_key)
        limits = {} if scoped else {"subs": -1, "data": -1, "payload": -1}
        return encode(
            {
                "sub": (user or self.user).public_key,
                "name": name,
                **(claims or {}),
                "nats": {"type": "user", **limits, **nats},
            },
            signer or self.account,
            self.now - 100 if issued is None else issued,
        )

    def connect(
        self, token: str, user: KeyPair | None = None, nonce: bytes = NONCE
    ) -> dict[str, Any]:
        """What a client sends: the token, and the signed nonce."""
        return {"jwt": token, "sig": signature((user or self.user).sign(nonce))}

    def attempt(self, token: str, **values: Any) -> ConnectionAttempt:
        """A client of the user that shows ``token``."""
        connect = {**self.connect(token), **values.pop("connect", {})}
        return ConnectionAttempt(
            connect, "192.0.2.1:5", **{"nonce": NONCE, "host": "192.0.2.1", **values}
        )


def signature(raw: bytes) -> str:
    """As clients write it in CONNECT."""
    import base64

    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


@implementer(IServerAccess)
class FakeServer:
    """A server with real accounts and a real router, and threads that do not wait."""

    def __init__(self, system_account: str = "", router: Any = None) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.server_id = "N" * 56
        self.server_name = "test"
        self.identity = None
        self.system_account = system_account
        self.router = router or PythonBackend().create(RouterSettings())
        self.router.system_account = system_account or "$SYS"
        self.accounts = Accounts(
            self.router, self.clock, system_account=system_account, wall=self.clock.seconds
        )
        self.users = Users()
        self.clients: list[InternalClient] = []
        self.linked = False
        self.held: list[tuple[Deferred[None], Any, tuple[Any, ...]]] | None = None

    def defer_to_thread(self, function: Any, *arguments: Any) -> Deferred[Any]:
        if self.held is None:
            return maybeDeferred(function, *arguments)
        waiting: Deferred[None] = Deferred()
        self.held.append((waiting, function, arguments))
        return waiting.addCallback(lambda _: function(*arguments))

    def go(self) -> None:
        """Do what waits for a thread, first come first served."""
        assert self.held is not None
        while self.held:
            self.held.pop(0)[0].callback(None)

    def may_be_linked(self) -> bool:
        return self.linked

    def internal_client(self, account: str) -> InternalClient:
        client = InternalClient(self.router, account, self.clock)
        self.clients.append(client)
        return client

    def server_info(self) -> Mapping[str, Any]:
        return {"name": "test", "host": "127.0.0.1", "id": self.server_id, "ver": "2.15.0"}

    def request(self, subject: str, payload: bytes = b"") -> list[bytes]:
        """What the server answers in its system account, now or in this turn."""
        asking = InternalClient(self.router, self.system_account, self.clock)
        heard: list[bytes] = []
        asking.subscribe(b"_INBOX.test", lambda message: heard.append(message.payload))
        asking.publish(subject.encode(), payload, b"_INBOX.test")
        self.clock.advance(0)
        self.clock.advance(0)
        asking.close()
        return heard


class FakeClient:
    """A client, as its account sees it."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.faults: list[ClientFault] = []
        self.changes = 0

    def fault(self, fault: ClientFault) -> None:
        self.faults.append(fault)

    def close(self, state: Any) -> None:
        self.faults.append(state)

    def account_changed(self, account: Any) -> None:
        self.changes += 1


def result(outcome: Any) -> Any:
    """What an authenticator or a Deferred said; failures are raised."""
    if not isinstance(outcome, Deferred):
        return outcome
    got: list[Any] = []
    outcome.addBoth(got.append)
    assert got, "nothing yet"
    if hasattr(got[0], "raiseException"):
        got[0].raiseException()
    return got[0]

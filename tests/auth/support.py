"""What stands in for the world around an authenticator."""

from __future__ import annotations

import base64
import secrets
from binascii import crc_hqx
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from nacl.signing import SigningKey
from twisted.internet.defer import Deferred, maybeDeferred

from pubsub.accounts.users import Users
from pubsub.values.accounts import AccountOptions
from pubsub.values.strkey import KeyKind


class Threads:
    """Stands in for ``deferToThread``: calls at once, or when told to."""

    def __init__(self) -> None:
        self.held: list[tuple[Deferred[None], Any, tuple[Any, ...]]] | None = None
        self.calls = 0

    def __call__(self, function: Any, *arguments: Any) -> Deferred[Any]:
        self.calls += 1
        if self.held is None:
            return maybeDeferred(function, *arguments)
        waiting: Deferred[None] = Deferred()
        self.held.append((waiting, function, arguments))
        return waiting.addCallback(lambda _: function(*arguments))

    def hold(self) -> None:
        """From now on nothing is called before :meth:`go`."""
        self.held = []

    def go(self) -> None:
        """Call the first that waits."""
        assert self.held
        self.held.pop(0)[0].callback(None)


@dataclass
class Key:
    """A new NKEY."""

    kind: KeyKind = KeyKind.USER
    secret: SigningKey = field(
        default_factory=lambda: SigningKey(secrets.token_bytes(32)), repr=False
    )

    @property
    def public(self) -> str:
        raw = bytes([self.kind]) + bytes(self.secret.verify_key)
        return base64.b32encode(raw + crc_hqx(raw, 0).to_bytes(2, "little")).decode()

    def sign(self, nonce: bytes) -> str:
        """As clients write it: URL-safe base64 without padding."""
        return base64.urlsafe_b64encode(self.secret.sign(nonce).signature).decode().rstrip("=")


class FakeServer:
    """The parts of IServerAccess that say who there is."""

    def __init__(self) -> None:
        self.users = Users()
        self.known: dict[str, AccountOptions] = {}
        self.accounts = SimpleNamespace(find=self.known.get)


def outcome_of(asked: Any) -> Any:
    """What an authenticator said, at once or later; what it refused with is returned, too."""
    results: list[Any] = []
    if not isinstance(asked, Deferred):
        return asked
    asked.addBoth(results.append)
    assert results, "no answer yet"
    failure = results[0]
    return getattr(failure, "value", failure)

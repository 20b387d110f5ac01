"""An authenticator that answers what it is told to, and an observer that remembers."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from pubsub.client.protocol import ClientProtocol
from pubsub.errors import ClientFault
from pubsub.interfaces import ConnectionAttempt, IAuthenticator, IClientObserver, Identity

#: 2023-11-14T22:13:20Z, so that epoch and "never" differ
NOW = 1_700_000_000.0


@implementer(IAuthenticator)
class Knowing:
    """Knows everybody as the same, and remembers who was asked about.

    :ivar answer: an identity, ``None``, a Deferred, or an exception to raise.
    """

    def __init__(self, answer: Any = None, *, required: bool = True) -> None:
        self.answer = answer
        self.required = required
        self.attempts: list[ConnectionAttempt] = []

    def authenticate(self, attempt: ConnectionAttempt) -> Any:
        """The answer."""
        self.attempts.append(attempt)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@implementer(IClientObserver)
class Watching:
    """Remembers what it was told of clients."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def client_connected(self, client: ClientProtocol) -> None:
        """It is somebody."""
        self.told.append(("connected", client.cid, client.identity.account))

    def client_disconnected(self, client: ClientProtocol) -> None:
        """It is gone."""
        self.told.append(("disconnected", client.cid, client.closed_state))

    def client_refused(self, client: ClientProtocol, fault: ClientFault) -> None:
        """It is not."""
        self.told.append(("refused", client.cid, type(fault)))


class Lists(Knowing):
    """Knows who is in its list, too."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__(answer)
        self.admitted: list[ConnectionAttempt] = []
        self.known: dict[str, Identity | Exception] = {
            "nobody": Identity("nobody"),
            "UKEY": Identity("UKEY", nkey="UKEY"),
        }

    def admit(self, key: str, attempt: ConnectionAttempt) -> Identity | None:
        """Without asking for credentials."""
        self.admitted.append(attempt)
        known = self.known.get(key)
        if isinstance(known, Exception):
            raise known
        return known

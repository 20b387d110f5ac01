"""Account JWTs that were in the configuration (``resolver: MEMORY``, ``resolver_preload``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from pubsub.auth.jwt.requests import UpdateRequests
from pubsub.errors import CredentialsError
from pubsub.interfaces import IAccountResolver, IServerAccess

__all__ = ["MemoryResolver"]


@implementer(IAccountResolver)
class MemoryResolver:
    """Knows what it was told in the beginning.

    :param tokens: JWTs by the accounts' public keys.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = dict(tokens)
        self._requests: UpdateRequests | None = None

    def start(self, server: IServerAccess, book: Any) -> None:
        """Hear of updates; they last as long as the server (nats-server: the same).

        On a reload, accounts that are known already become what the configuration says now,
        and go if it does not know them any more.
        """
        self._requests = UpdateRequests(server, book)
        for name in book.names():
            try:
                book.apply(name, self._tokens[name])
            except (KeyError, CredentialsError):
                book.disable(name)

    def fetch(self, account: str) -> Deferred[str]:
        """At once."""
        token = self._tokens.get(account)
        if token is None:
            return fail(CredentialsError("account missing"))
        return succeed(token)

    def stop(self) -> None:
        """Hear of no more updates."""
        if self._requests is not None:
            self._requests.close()

"""Threads without threads, keys, and a server that is only what an authenticator sees of it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.logger import formatEvent, globalLogPublisher

from pubsub.errors import PubSubError
from tests.auth.support import FakeServer, Key, Threads, outcome_of


@pytest.fixture
def threads() -> Threads:
    """Where slow work is done."""
    return Threads()


@pytest.fixture
def new_key() -> type[Key]:
    """Makes keys: ``new_key()``, ``new_key(KeyKind.SERVER)``."""
    return Key


@pytest.fixture
def server() -> FakeServer:
    """A server without users."""
    return FakeServer()


@pytest.fixture
def log():
    """The lines that are logged."""
    lines: list[str] = []
    globalLogPublisher.addObserver(observer := lambda event: lines.append(formatEvent(event)))
    yield lines
    globalLogPublisher.removeObserver(observer)


@pytest.fixture
def ask():
    """``ask(authenticator, attempt)``: the identity, ``None``, or the exception it raised."""

    def asking(authenticator: Any, attempt: Any) -> Any:
        try:
            return outcome_of(authenticator.authenticate(attempt))
        except PubSubError as error:
            return error

    return asking

"""Threads without threads."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred


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


@pytest.fixture
def threads() -> Threads:
    """Where slow work is done."""
    return Threads()

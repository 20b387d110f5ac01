"""Links of the compiled router on real sockets, without a reactor."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from pubsub.interfaces import RouterSettings
from tests.router.native.sockets import Sockets
from tests.router.recording import native_backend


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    """A router with seed 1 whose peers are socket pairs; all closed afterwards."""
    made = Sockets(native_backend().create(RouterSettings(seed=1)))
    yield made
    made.close()


@pytest.fixture
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets that are full soon."""
    pair = socket.socketpair

    def small() -> tuple[socket.socket, socket.socket]:
        one, other = pair()
        for end in (one, other):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        return one, other

    monkeypatch.setattr(socket, "socketpair", small)

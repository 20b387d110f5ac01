"""The server as a Twisted service."""

from __future__ import annotations

import socket
from typing import Any

import pytest_twisted
from twisted.application.service import IService, MultiService
from twisted.internet import reactor as installed
from zope.interface.verify import verifyObject

from pubsub.config.options import Options
from pubsub.service import PubSubService
from tests.conftest import LoggedFailures
from tests.server.conftest import router, serve
from tests.server.peer import connect

__all__ = ["router", "serve"]

reactor: Any = installed


@pytest_twisted.ensureDeferred
async def test_the_service_opens_and_closes_with_its_parent() -> None:
    parent = MultiService()
    service = PubSubService(Options(host="127.0.0.1", port=-1))
    assert verifyObject(IService, service)
    service.setServiceParent(parent)
    parent.startService()
    peer = await connect("127.0.0.1", service.server.port)
    await peer.until(b"\r\n")
    await parent.stopService()
    await peer.closed()
    assert service.server.port == 0


class _Stopping:
    """The suite's reactor, which is not to be stopped."""

    def __init__(self) -> None:
        self.stopped = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)

    def stop(self) -> None:
        self.stopped += 1


@pytest_twisted.ensureDeferred
async def test_a_service_that_cannot_open_ends_the_process_with_the_reason(
    logged_failures: LoggedFailures,
) -> None:
    pretended = _Stopping()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = PubSubService(Options(host="127.0.0.1", port=taken.getsockname()[1]), pretended)
        service.startService()
        await service.server.close()
    (event,) = logged_failures.flush()
    assert "Address already in use" in event["reason"]
    assert pretended.stopped == 1
    await service.stopService()

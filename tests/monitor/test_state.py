"""What the pages need to know."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from pubsub.monitor.state import IServerState
from tests.monitor.fakes import FakeServer


def test_the_fake_the_pages_are_tested_with_is_a_server_state(server: FakeServer) -> None:
    assert verifyObject(IServerState, server)

"""What links a server to others, together."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from pubsub.config.build import configure
from pubsub.errors import ListenError
from pubsub.server import PubSubServer

EVERYTHING = """
    listen: "127.0.0.1:-1"
    cluster { name: C, listen: "127.0.0.1:-1" }
    gateway { name: C, listen: "127.0.0.1:-1" }
    leafnodes { listen: "127.0.0.1:%d" }
"""


def server(leaf_port: int = -1) -> PubSubServer:
    """One with all kinds of links."""
    return PubSubServer(configure(text=EVERYTHING % leaf_port, path="f").options, reactor)


@pytest_twisted.inlineCallbacks
def test_all_listen_and_all_stop() -> Any:
    """None of their ports is taken when the server has gone."""
    one = server()
    yield one.open()
    assert one.cluster.port
    assert one.gateways.port
    assert one.leafs.port
    # in lame duck mode nobody new is accepted
    one.send_lame_duck_info()
    yield one.close()


@pytest_twisted.inlineCallbacks
def test_what_cannot_listen_stops_the_rest() -> Any:
    """The server does not start, and leaves nothing open."""
    one = server()
    yield one.open()
    two = server(one.leafs.port)
    with pytest.raises(ListenError):
        yield two.open()
    yield one.close()

"""What links a server to others, together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from pubsub.config.build import configure
from pubsub.errors import ListenError
from pubsub.server import PubSubServer
from tests.auth.jwt.world import World

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


@pytest_twisted.inlineCallbacks
def test_what_resolvers_want_to_hear_is_told(tmp_path: Path) -> Any:
    """They subscribe while the server is put together."""
    world = World()
    operator = (
        f"operator: {world.operator_jwt()}\n"
        f'resolver {{ type: full, dir: "{tmp_path}" }}\n'
        f"resolver_preload {{ {world.system.public_key}: {world.account_jwt(world.system)} }}\n"
    )
    text = operator + EVERYTHING % -1
    one = PubSubServer(configure(text=text, path="f").options, reactor)
    lookup = b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP"
    system = world.system.public_key
    routes = one.cluster.members.telling.interest
    assert lookup in [interest.subject for interest, _ in routes.of(system)]
    assert lookup in one.gateways.table.telling.tally.plain(system)
    assert (lookup, b"") in one.leafs.context.interest._account(system).local
    yield one.open()
    yield one.close()

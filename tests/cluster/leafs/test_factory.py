"""Protocols of either end."""

from __future__ import annotations

from pubsub.cluster.leafs.factory import LeafFactory
from tests.cluster.leafs.world import World


def test_a_protocol_knows_what_it_was_made_for(world: World) -> None:
    hub, spoke = world.pair()
    accepted = hub.factory.buildProtocol(None)
    assert (accepted.remote, accepted.spoke, accepted.account) == (None, False, "")
    (remote,) = spoke.remotes
    made = LeafFactory(spoke.context, remote).buildProtocol(None)
    assert (made.remote, made.spoke, made.account) == (remote, True, "$G")

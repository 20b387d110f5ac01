"""Protocols for connections, either way."""

from __future__ import annotations

from pubsub.cluster.gateways.factory import GatewayFactory
from pubsub.config.options import GatewayUrl
from tests.cluster.gateways.raw import a_server


def test_who_comes_and_where_we_go_have_protocols_of_one_kind() -> None:
    """The latter knows where."""
    gateways = a_server(to={"B": ["x"]}).gateways
    came = GatewayFactory(gateways).buildProtocol(None)
    assert not came.dialled
    remote, url = gateways.remotes["B"], GatewayUrl("x", 1)
    went = GatewayFactory(gateways, remote, url).buildProtocol(None)
    assert went.dialled
    assert (went.name, went.url) == ("B", url)

"""Protocols for both directions."""

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory
from zope.interface.verify import verifyObject

from pubsub.cluster.factory import RouteFactory
from tests.cluster.network import Network
from tests.cluster.raw import target


def test_it_makes_routes_for_those_who_come_and_those_we_come_to() -> None:
    members = Network().node("a").members
    assert verifyObject(IProtocolFactory, RouteFactory(members))
    assert not RouteFactory(members).buildProtocol(None).dialled
    dialled = RouteFactory(members, target()).buildProtocol(None)
    assert (dialled.dialled, dialled.explicit, dialled.url) == (True, True, target().url)

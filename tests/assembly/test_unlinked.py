"""A server without links to others answers as one that has none left."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from pubsub.assembly.cluster import Cluster
from pubsub.assembly.gateways import Supercluster
from pubsub.assembly.leafs import Leafs
from pubsub.assembly.links import ServerLinks
from pubsub.assembly.unlinked import (
    NoCluster,
    NoGateways,
    NoLeafs,
    NoLinks,
    NoMembers,
    may_be_linked,
)
from pubsub.cluster.members import Members
from pubsub.config.build import configure
from pubsub.config.options import (
    ClusterOptions,
    GatewayOptions,
    LeafNodeOptions,
    LeafRemoteOptions,
    LeafUrl,
    Options,
)
from pubsub.monitor.gatewayz import GatewayzOptions, gatewayz
from pubsub.monitor.leafz import LeafzOptions, leafz
from pubsub.monitor.routez import RoutezOptions, routez
from pubsub.monitor.varz import varz
from pubsub.server import PubSubServer
from pubsub.system.statsz import server_stats

#: one that could have leaf nodes, and has none
LINKED = "leafnodes {}"


def server(text: str) -> PubSubServer:
    text = f'listen: "127.0.0.1:-1"\nserver_name: n\n{text}'
    return PubSubServer(configure(text=text, path="f").options, reactor)


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("", NoLinks),
        ("cluster { name: C }", NoLinks),
        (LINKED, ServerLinks),
        ("leafnodes { port: -1 }", ServerLinks),
        ("cluster { port: -1 }", ServerLinks),
        ("gateway { name: A, port: -1 }", ServerLinks),
    ],
)
def test_who_is_configured_to_be_linked_has_links(text: str, links: type) -> None:
    assert type(server(text)._links) is links


@pytest.mark.parametrize(
    ("absent", "present"),
    [
        (NoLinks, ServerLinks),
        (NoCluster, Cluster),
        (NoGateways, Supercluster),
        (NoLeafs, Leafs),
        (NoMembers, Members),
    ],
)
def test_they_have_nothing_that_real_ones_have_not(absent: type, present: type) -> None:
    """And their methods take the same."""
    source = inspect.getsource(present)
    for name, member in inspect.getmembers(absent):
        if name.startswith("_"):
            continue
        assert hasattr(present, name) or f"self.{name}" in source, name
        if inspect.isfunction(member):
            theirs = inspect.signature(getattr(present, name)).parameters
            assert list(inspect.signature(member).parameters) == list(theirs), name


PAGES: list[Callable[[Any], dict[str, Any]]] = [
    lambda state: routez(state, RoutezOptions()),
    lambda state: leafz(state, LeafzOptions()),
    lambda state: gatewayz(state, GatewayzOptions()),
    varz,
    lambda state: server_stats(state, 1),
]
#: what differs from server to server, or from moment to moment
OWN = {"server_id", "now", "start", "uptime", "cpu", "mem", "config_load_time", "config_digest"}


@pytest.mark.parametrize("page", PAGES, ids=["routez", "leafz", "gatewayz", "varz", "statsz"])
def test_pages_show_the_same(page: Callable[[Any], dict[str, Any]]) -> None:
    shown, expected = page(server("")), page(server(LINKED))
    assert list(shown) == list(expected)
    for name in shown.keys() - OWN:
        assert shown[name] == expected[name], name


def test_the_name_of_the_cluster_is_told() -> None:
    one = server("cluster { name: C }")
    assert one.cluster.introduce(one.info).cluster == "C"
    assert not one.cluster.enabled


@pytest_twisted.ensureDeferred
async def test_it_lives_and_ends() -> None:
    one = server("")
    await one.open()
    links = one._links
    assert one.info.connect_urls == links.say_leaving() == ()
    parts = (one.cluster, one.gateways, one.leafs)
    assert not any(part.addresses() or part.port for part in parts)
    links.keep_house()
    one._read_options = lambda: one.options
    one.reload()
    await one.close()


HUBS = (LeafRemoteOptions((LeafUrl("hub"),), account="SYS"),)


@pytest.mark.parametrize(
    ("options", "linked"),
    [
        (Options(), False),
        (Options(cluster=ClusterOptions(port=-1)), True),
        (Options(gateway=GatewayOptions(name="A", port=7222)), True),
        (Options(leafnodes=LeafNodeOptions(port=7422)), True),
        (Options(leafnodes=LeafNodeOptions(remotes=HUBS)), True),
        (Options(leafnodes=LeafNodeOptions(remotes=(replace(HUBS[0], account="A"),))), False),
    ],
)
def test_who_may_hear_the_system_account(options: Options, linked: bool) -> None:
    """A leaf node hears the servers of its hub only in the system account."""
    assert may_be_linked(options, "SYS") is linked
